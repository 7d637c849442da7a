// SPDX-License-Identifier: Apache-2.0

/// An image's layout in a buffer.
public struct ImageLayout: Hashable, Sendable {
  /// The place of one memory plane in a buffer.
  public struct Plane: Hashable, Sendable {
    /// Bytes from the buffer's start.
    public var offset: Int
    /// Bytes from one line to the next.
    public var stride: Int

    /// Makes a plane from its two numbers.
    public init(offset: Int, stride: Int) {
      self.offset = offset
      self.stride = stride
    }
  }

  /// Width in pixels.
  public var width: Int
  /// Height in pixels.
  public var height: Int
  /// The pixel format.
  public var format: PixelFormat
  /// The memory layout.
  public var modifier: FormatModifier
  /// The memory planes in the format's order. Every known format has one; a driver's own modifier, such
  /// as one with compression, can add more.
  public var planes: [Plane]

  /// An image whose memory planes all lie in one buffer.
  public init(
    width: Int, height: Int, format: PixelFormat, modifier: FormatModifier = .linear,
    planes: [Plane]
  ) {
    self.width = width
    self.height = height
    self.format = format
    self.modifier = modifier
    self.planes = planes
  }

  /// A picture with one memory plane.
  public init(
    width: Int, height: Int, format: PixelFormat, modifier: FormatModifier = .linear,
    stride: Int, offset: Int = 0
  ) {
    self.init(
      width: width, height: height, format: format, modifier: modifier,
      planes: [Plane(offset: offset, stride: stride)])
  }

  /// Bytes from one line of the first plane to the next.
  public var stride: Int { planes.first?.stride ?? 0 }

  /// The end of the picture's last pixel in bytes from the buffer's start, for a linear picture;
  /// `nil` when the number is beyond `Int`.
  public var linearEnd: Int? {
    guard height > 0, let plane = planes.first, let line = format.lineBytes(width: width) else {
      return nil
    }
    let (lines, overflow) = (height - 1).multipliedReportingOverflow(by: plane.stride)
    let (last, overflow2) = lines.addingReportingOverflow(line)
    let (end, overflow3) = last.addingReportingOverflow(plane.offset)
    return overflow || overflow2 || overflow3 ? nil : end
  }
}

extension ImageLayout: CustomStringConvertible {
  /// Such as `1920x1080 XR24 LINEAR`.
  public var description: String { "\(width)x\(height) \(format.fourCC) \(modifier)" }
}
