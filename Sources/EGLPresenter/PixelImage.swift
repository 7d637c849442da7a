// SPDX-License-Identifier: Apache-2.0

/// A picture in this process's own memory.
public struct PixelImage: Hashable, Sendable {
  /// Width in pixels.
  public let width: Int
  /// Height in pixels.
  public let height: Int
  /// Red, green, blue and alpha of each pixel, a byte each, line after line from the top without
  /// gaps. Alpha is 255 everywhere in a guest's picture.
  public let rgba: [UInt8]

  /// Makes an image of its parts.
  ///
  /// - Returns: `nil` when the number of bytes is not that of the size.
  public init?(width: Int, height: Int, rgba: [UInt8]) {
    guard width > 0, height > 0, rgba.count == width * height * 4 else { return nil }
    self.width = width
    self.height = height
    self.rgba = rgba
  }
}
