// SPDX-License-Identifier: Apache-2.0

import DMABuf
import Glibc
import LinuxSystem
public import VGPUDisplay

/// Earlier copies of a frame's picture and pointer, with which the CPU finds out whether they have
/// changed.
public final class FrameShadow {
  private let picture = PixelShadow()
  private let pointer = PixelShadow()

  /// Nothing is known yet.
  public init() {}

  /// The reading speed of the picture's buffer; see `PixelShadow.rate`.
  var rate: Double? { picture.rate }

  /// Whether a frame's pixels differ from those at the last call with this frame's buffers and
  /// `flip`; `true` at the first call, and when the picture cannot be read.
  public func hasChanged(_ frame: Frame) -> Bool {
    // Picture and pointer are both compared every time: a change that one of them misses now would
    // count as a change next time.
    let hasPointerChanged = hasPointerChanged(frame)
    return ((try? hasPictureChanged(frame)) ?? true) || hasPointerChanged
  }

  func hasPictureChanged(_ frame: Frame) throws(SystemCallError) -> Bool {
    try picture.hasChanged(frame.primary, epoch: frame.flip)
  }

  /// A pointer that cannot be read counts as unchanged.
  func hasPointerChanged(_ frame: Frame) -> Bool {
    guard let cursor = frame.cursor else { return false }
    return (try? pointer.hasChanged(cursor.buffer, epoch: frame.flip)) ?? false
  }
}

/// The key of a copy: a buffer, from one flip to the next.
struct PixelsKey: Equatable {
  let buffer: UInt64
  let epoch: UInt64
}

/// An earlier copy of a buffer's bytes. Every byte is compared.
final class PixelShadow {
  private var bytes: [UInt8] = []
  private var key: PixelsKey?
  /// The reading speed of the buffer at the first copy, in bytes a second; `nil` when the buffer
  /// was too small for a measurement.
  private(set) var rate: Double?

  /// The bytes that are compared before they are copied: few enough to stay in the processor's
  /// cache.
  private static let block = 1 << 16
  /// The smallest buffer, in bytes, whose reading speed can be measured.
  private static let telling = 1 << 19
  /// The size, in bytes, above which comparing takes longer than a refresh: twice the size of a
  /// screen of 7680x4320 pixels.
  private static let most = 1 << 28

  /// The number of bytes that are kept of the last buffer: only those of its picture, without the
  /// gaps between lines or the rest of the buffer.
  var count: Int { bytes.count }

  /// Whether a buffer's bytes differ from those at the last call for it; `true` at the first call,
  /// and for a picture that is too large to compare.
  ///
  /// - Parameters:
  ///   - buffer: the plane's buffer; all of its pixels are read, and nothing else.
  ///   - epoch: a number that changes whenever the buffer may have been drawn without a call of
  ///     this function. A copy from another epoch does not count.
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

/// The place of a picture's bytes in a buffer: runs of one length at one distance, from the start
/// on.
private struct PixelRuns {
  let runs: Int
  let length: Int
  let distance: Int

  var count: Int { runs * length }
  var end: Int { (runs - 1) * distance + length }
}

extension PlaneBuffer {
  /// The picture's bytes: the pixels of its lines or, in a tiled layout, all bytes of its lines.
  fileprivate var pixels: PixelRuns {
    // The numbers were checked when the buffer was made, so no operation overflows.
    guard layout.modifier == .linear, let line = layout.format.lineBytes(width: layout.width),
      line < layout.stride
    else { return PixelRuns(runs: 1, length: layout.stride * layout.height, distance: 0) }
    return PixelRuns(runs: layout.height, length: line, distance: layout.stride)
  }
}
