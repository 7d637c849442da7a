// SPDX-License-Identifier: Apache-2.0

import DMABuf
import Glibc
import LinuxSystem
public import VGPUDisplay

/// Copies of a frame's picture and pointer as they were, by which the CPU finds out whether they are
/// still the same.
public final class FrameShadow {
  private let picture = PixelShadow()
  private let pointer = PixelShadow()

  /// Nothing is known yet.
  public init() {}

  /// How fast the picture's buffer could be read; see `PixelShadow.rate`.
  var rate: Double? { picture.rate }

  /// Whether a frame's pixels are other ones than at the last call with this frame's buffers and
  /// `flip`; `true` for the first, and when the picture cannot be read.
  public func hasChanged(_ frame: Frame) -> Bool {
    // Both are looked at: what one did not see now it would tell as a change next time.
    let hasPointerChanged = hasPointerChanged(frame)
    return ((try? hasPictureChanged(frame)) ?? true) || hasPointerChanged
  }

  func hasPictureChanged(_ frame: Frame) throws(SystemCallError) -> Bool {
    try picture.hasChanged(frame.primary, epoch: frame.flip)
  }

  /// A pointer that cannot be read does not count.
  func hasPointerChanged(_ frame: Frame) -> Bool {
    guard let cursor = frame.cursor else { return false }
    return (try? pointer.hasChanged(cursor.buffer, epoch: frame.flip)) ?? false
  }
}

/// What pixels are known of: a buffer, from one flip to the next.
struct PixelsKey: Equatable {
  let buffer: UInt64
  let epoch: UInt64
}

/// A copy of a buffer's bytes as they were: every byte is compared, none is guessed at.
final class PixelShadow {
  private var bytes: [UInt8] = []
  private var key: PixelsKey?
  /// How fast the buffer could be read when it was first copied, in bytes a second; `nil` when it
  /// was too small to tell.
  private(set) var rate: Double?

  /// What is compared before anything is copied: small enough to stay in the processor's cache.
  private static let block = 1 << 16
  /// Bytes from which on it can be told how fast they are read.
  private static let telling = 1 << 19
  /// Bytes from which on comparing takes longer than a refresh: twice as many as a screen of 7680x4320
  /// pixels has.
  private static let most = 1 << 28

  /// How many bytes of the last buffer are kept: its picture's, whatever lies between the lines, and
  /// however large the buffer is.
  var count: Int { bytes.count }

  /// Whether a buffer's bytes are other ones than at the last call for it; `true` for the first,
  /// and for a picture that is too large to be compared.
  ///
  /// - Parameters:
  ///   - buffer: the plane's pixels, all of which are read, and nothing else of it.
  ///   - epoch: a number that is another one whenever the buffer may have been drawn without this
  ///     being asked: what is known of it then counts for nothing.
  /// - Throws: `SystemCallError` when the buffer cannot be read.
  func hasChanged(
    _ buffer: PlaneBuffer, epoch: UInt64
  ) throws(SystemCallError) -> Bool {
    let key = PixelsKey(buffer: buffer.id, epoch: epoch)
    let isKnown = key == self.key
    self.key = nil
    let pixels = buffer.pixels
    guard pixels.count <= Self.most else { return true }
    let hasChanged = try buffer.withPixels { (memory) throws(SystemCallError) in
      guard let start = memory.baseAddress, pixels.end <= memory.count else { return true }
      return isKnown && pixels.count == bytes.count ? update(pixels, start) : copy(pixels, start)
    }
    self.key = key
    return hasChanged
  }

  private func copy(_ pixels: PixelRuns, _ source: UnsafeRawPointer) -> Bool {
    let start = MonotonicInstant.now
    if bytes.count != pixels.count { bytes = [UInt8](repeating: 0, count: pixels.count) }
    bytes.withUnsafeMutableBytes { shadow in
      guard let shadow = shadow.baseAddress else { return }
      for run in 0..<pixels.runs {
        memcpy(shadow + run * pixels.length, source + run * pixels.distance, pixels.length)
      }
    }
    let seconds = MonotonicInstant.now.seconds(since: start)
    rate = pixels.count >= Self.telling && seconds > 0 ? Double(pixels.count) / seconds : nil
    return true
  }

  private func update(_ pixels: PixelRuns, _ source: UnsafeRawPointer) -> Bool {
    bytes.withUnsafeMutableBytes { shadow in
      guard let shadow = shadow.baseAddress else { return false }
      var hasChanged = false
      for run in 0..<pixels.runs {
        let (old, new) = (shadow + run * pixels.length, source + run * pixels.distance)
        for offset in stride(from: 0, to: pixels.length, by: Self.block) {
          let count = min(Self.block, pixels.length - offset)
          guard memcmp(old + offset, new + offset, count) != 0 else { continue }
          memcpy(old + offset, new + offset, count)
          hasChanged = true
        }
      }
      return hasChanged
    }
  }
}

/// Where a picture's bytes are in a buffer: runs of one length at one distance, from the start on.
private struct PixelRuns {
  let runs: Int
  let length: Int
  let distance: Int

  var count: Int { runs * length }
  var end: Int { (runs - 1) * distance + length }
}

extension PlaneBuffer {
  /// The picture's bytes: its lines' pixels, or all of its lines where pixels do not lie line after
  /// line.
  fileprivate var pixels: PixelRuns {
    // Checked when the buffer was made; none of it overflows.
    guard layout.modifier == .linear, let line = layout.format.lineBytes(width: layout.width),
      line < layout.stride
    else { return PixelRuns(runs: 1, length: layout.stride * layout.height, distance: 0) }
    return PixelRuns(runs: layout.height, length: line, distance: layout.stride)
  }
}
