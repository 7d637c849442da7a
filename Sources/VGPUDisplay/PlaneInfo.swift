// SPDX-License-Identifier: Apache-2.0

public import DMABuf
public import VFIO

/// A plane that is on and whose description holds together: format known, sizes sane, lines that do
/// not overlap. What remains to be checked is the buffer's true size, which is only known once the
/// buffer is there (`check(bufferSize:)`).
///
/// The size that a driver tells decides nothing: Linux counted it in pages before 5.2, and the kernel
/// knows the buffer's own.
public struct PlaneInfo: Hashable, Sendable {
  /// How the picture lies in its buffer.
  public let layout: ImageLayout
  /// The end of the last pixel in bytes from the buffer's start: lines times stride for a tiled
  /// layout, where no line ends early.
  public let end: Int

  /// The longest side of a picture in pixels: what the display engines and GL renderers of today
  /// can do.
  public static let largestSide: UInt32 = 16384

  /// Checks what a driver says of a plane that is on.
  ///
  /// - Throws: `PlaneDefect`, but for `shortBuffer`.
  public init(checking plane: GraphicsPlane) throws(PlaneDefect) {
    let sides = 1...Self.largestSide
    guard sides.contains(plane.width), sides.contains(plane.height) else {
      throw .absurdSize(width: plane.width, height: plane.height)
    }
    guard let format = PixelFormat(FourCC(rawValue: plane.format)) else {
      throw .unknownFormat(FourCC(rawValue: plane.format))
    }
    let layout = ImageLayout(
      width: Int(plane.width), height: Int(plane.height), format: format,
      modifier: FormatModifier(rawValue: plane.modifier), stride: Int(plane.stride))
    // Neither overflows: sides are at most 2^14 and a stride is below 2^32.
    guard let line = format.lineBytes(width: layout.width), let linearEnd = layout.linearEnd else {
      throw .absurdSize(width: plane.width, height: plane.height)
    }
    guard line <= layout.stride else {
      throw .shortStride(stride: plane.stride, needed: line)
    }
    end = layout.modifier == .linear ? linearEnd : layout.stride * layout.height
    self.layout = layout
  }

  /// Checks that the picture lies inside a buffer of `bufferSize` bytes.
  ///
  /// - Throws: `PlaneDefect.shortBuffer`.
  public func check(bufferSize: Int) throws(PlaneDefect) {
    guard end <= bufferSize else { throw .shortBuffer(size: bufferSize, needed: end) }
  }
}

/// What is wrong with a plane as a driver or a guest describes it.
@nonexhaustive
public enum PlaneDefect: Error, Hashable, Sendable {
  /// No driver that we know reports this format.
  case unknownFormat(FourCC)
  /// A picture that is larger than any display engine's.
  case absurdSize(width: UInt32, height: UInt32)
  /// A line's pixels do not fit between it and the next line.
  case shortStride(stride: UInt32, needed: Int)
  /// The pixels do not fit into the buffer that the driver handed out, in bytes.
  case shortBuffer(size: Int, needed: Int)
}

extension PlaneDefect: CustomStringConvertible {
  /// One line that says what does not fit.
  public var description: String {
    switch self {
    case .unknownFormat(let format):
      "the pixel format \(format) is not known"
    case .absurdSize(let width, let height):
      "a picture of \(width)x\(height) pixels, where \(PlaneInfo.largestSide) is the most"
    case .shortStride(let stride, let needed):
      "lines of \(needed) bytes that follow each other every \(stride) bytes"
    case .shortBuffer(let size, let needed):
      "\(needed) bytes of pixels in a buffer of \(size) bytes"
    }
  }
}
