// SPDX-License-Identifier: Apache-2.0

import DMABuf
import Glibc
import LinuxSystem
import VGPUDisplay

/// A guest's pointer, copied into one of two pictures of the size that the cursor plane wants: guests' own
/// pointers have other sizes, and are small.
final class CursorPictures {
  private let buffers: [DumbBuffer]
  private let size: PixelSize
  /// The shown pointer's pixels and size.
  private var shown = Pixels()
  private var fresh = Pixels()
  private var place = 0

  private struct Pixels: Equatable {
    var size = PixelSize(width: 0, height: 0)
    var values: [UInt32] = []
  }

  /// - Throws: `SystemCallError` when the card has no memory left.
  init(on card: Card) throws(SystemCallError) {
    size = card.cursorSize
    buffers = [
      try DumbBuffer(size, hasAlpha: true, on: card),
      try DumbBuffer(size, hasAlpha: true, on: card),
    ]
  }

  /// The picture of a pointer; the same one again while the pointer looks the same.
  ///
  /// - Returns: `nil` for a pointer that is too large, or that the CPU cannot read.
  func picture(of cursor: PlaneBuffer) throws(SystemCallError) -> Framebuffer? {
    guard read(cursor) else { return nil }
    if fresh == shown { return buffers[place].framebuffer }
    swap(&fresh, &shown)
    place = 1 - place
    let (pixels, stride) = (shown, buffers[place].stride)
    try buffers[place].draw { (bytes) throws(SystemCallError) in
      guard let start = bytes.baseAddress else { return }
      memset(start, 0, bytes.count)
      let length = pixels.size.width * 4
      pixels.values.withUnsafeBytes { values in
        for y in 0..<pixels.size.height where y * stride + length <= bytes.count {
          UnsafeMutableRawBufferPointer(rebasing: bytes[y * stride..<y * stride + length])
            .copyMemory(
              from: UnsafeRawBufferPointer(rebasing: values[y * length..<(y + 1) * length]))
        }
      }
    }
    return buffers[place].framebuffer
  }

  /// Copies a pointer's pixels into `fresh`.
  private func read(_ cursor: PlaneBuffer) -> Bool {
    let format = cursor.layout.format.fourCC
    guard let lines = cursor.lines, format == .argb8888 || format == .abgr8888,
      cursor.size.width <= size.width, cursor.size.height <= size.height
    else { return false }
    fresh.size = cursor.size
    let count = cursor.size.width * cursor.size.height
    if fresh.values.count != count { fresh.values = [UInt32](repeating: 0, count: count) }
    let length = cursor.size.width * 4
    let answer: ()? = try? cursor.withPixels { (bytes) throws(SystemCallError) in
      fresh.values.withUnsafeMutableBytes { values in
        for y in 0..<cursor.size.height {
          let start = lines.start(of: y)
          guard start >= 0, start + length <= bytes.count else { continue }
          UnsafeMutableRawBufferPointer(rebasing: values[y * length..<(y + 1) * length])
            .copyMemory(
              from: UnsafeRawBufferPointer(rebasing: bytes[start..<start + length]))
        }
      }
    }
    guard answer != nil else { return false }
    if format == .abgr8888 {
      for index in fresh.values.indices {
        fresh.values[index] = fresh.values[index].redAndBlueExchanged
      }
    }
    return true
  }
}

extension UInt32 {
  fileprivate var redAndBlueExchanged: UInt32 {
    self & 0xFF00_FF00 | (self & 0xFF) << 16 | self >> 16 & 0xFF
  }
}
