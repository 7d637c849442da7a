// SPDX-License-Identifier: Apache-2.0

import DMABuf

/// Where the lines of a picture lie in memory, from the upper one on, whatever part of an image the
/// picture is, and whichever way up it lies.
public struct PictureLines: Hashable, Sendable {
  /// The first byte of the picture's upper left pixel, from the memory's start.
  public let offset: Int
  /// Bytes from a line to the one below it; negative when the picture is upside down.
  public let step: Int
  /// The bytes of a line's pixels.
  public let length: Int
  /// The number of lines.
  public let count: Int
  /// The bytes of a pixel.
  public let bytesPerPixel: Int

  /// `nil` when the image is tiled, or its pixels are no whole bytes.
  ///
  /// - Parameter isPlain: whether an image with the modifier `INVALID` lies line after line.
  init?(_ info: PlaneInfo, isPlain: @autoclosure () -> Bool) {
    let layout = info.layout
    guard layout.modifier == .linear || (layout.modifier == .invalid && isPlain()),
      layout.format.bitsPerPixel.isMultiple(of: 8), let plane = layout.planes.first
    else { return nil }
    // Nothing overflows, because `PlaneInfo` has checked the numbers.
    bytesPerPixel = layout.format.bitsPerPixel / 8
    length = info.crop.width * bytesPerPixel
    count = info.crop.height
    let first = info.isUpsideDown ? info.crop.y + count - 1 : info.crop.y
    offset = plane.offset + first * plane.stride + info.crop.x * bytesPerPixel
    step = info.isUpsideDown ? -plane.stride : plane.stride
  }

  /// The first byte of a line, from the memory's start.
  ///
  /// - Parameter line: from 0, the upper one, to `count - 1`.
  public func start(of line: Int) -> Int { offset + line * step }

  /// The bytes that the picture's pixels and the gaps between its lines take in memory.
  public var bytes: Range<Int> {
    let last = start(of: count - 1)
    return min(offset, last)..<max(offset, last) + length
  }
}
