// SPDX-License-Identifier: Apache-2.0

import DMABuf
import Glibc
public import LinuxSystem
public import VGPUDisplay

/// A copy of a buffer's bytes as they were, by which the CPU finds out whether they are still the
/// same: every byte is compared, none is guessed at.
public final class PixelShadow {
  private var bytes: [UInt8] = []
  private var key: Key?
  /// How fast the buffer could be read when it was first copied, in bytes a second; `nil` when it
  /// was too small to tell.
  private(set) var rate: Double?

  private struct Key: Equatable {
    let buffer: UInt64
    let epoch: UInt64
  }

  /// What is compared before anything is copied: small enough to stay in the processor's cache.
  private static let block = 1 << 16
  /// Bytes from which on it can be told how fast they are read.
  private static let telling = 1 << 19

  /// Nothing is known yet.
  public init() {}

  /// Whether a buffer's bytes are other ones than at the last call for it; `true` for the first.
  ///
  /// - Parameters:
  ///   - buffer: the plane's pixels, all of which are read.
  ///   - epoch: a number that is another one whenever the buffer may have been drawn without this
  ///     being asked: what is known of it then counts for nothing.
  /// - Throws: `SystemCallError` when the buffer cannot be read.
  public func hasChanged(
    _ buffer: PlaneBuffer, epoch: UInt64
  ) throws(SystemCallError) -> Bool {
    let key = Key(buffer: buffer.id, epoch: epoch)
    let isKnown = key == self.key
    self.key = nil
    let hasChanged = try buffer.withPixels { (pixels) throws(SystemCallError) in
      let end = min(buffer.pixelEnd, pixels.count)
      return isKnown && end == bytes.count ? update(pixels, end) : copy(pixels, end)
    }
    self.key = key
    return hasChanged
  }

  private func copy(_ pixels: UnsafeRawBufferPointer, _ end: Int) -> Bool {
    let start = MonotonicInstant.now
    if bytes.count != end { bytes = [UInt8](repeating: 0, count: end) }
    bytes.withUnsafeMutableBytes { shadow in
      shadow.copyMemory(from: UnsafeRawBufferPointer(rebasing: pixels[..<end]))
    }
    let seconds = MonotonicInstant.now.seconds(since: start)
    rate = end >= Self.telling && seconds > 0 ? Double(end) / seconds : nil
    return true
  }

  private func update(_ pixels: UnsafeRawBufferPointer, _ end: Int) -> Bool {
    bytes.withUnsafeMutableBytes { shadow in
      guard let shadow = shadow.baseAddress, let pixels = pixels.baseAddress else { return false }
      var hasChanged = false
      for offset in stride(from: 0, to: end, by: Self.block) {
        let count = min(Self.block, end - offset)
        guard memcmp(shadow + offset, pixels + offset, count) != 0 else { continue }
        memcpy(shadow + offset, pixels + offset, count)
        hasChanged = true
      }
      return hasChanged
    }
  }
}

extension PlaneBuffer {
  /// The end of the picture in bytes: of its last pixel, or of its last line where pixels do not
  /// lie line after line.
  fileprivate var pixelEnd: Int {
    // Checked when the buffer was made; none of it overflows.
    (layout.modifier == .linear ? layout.linearEnd : nil) ?? layout.stride * layout.height
  }
}
