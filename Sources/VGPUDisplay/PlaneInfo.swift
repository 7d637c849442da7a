// SPDX-License-Identifier: Apache-2.0

public import DMABuf
public import VFIO

/// A plane that is on and whose description is consistent: the format is known, the sizes are sane,
/// the lines do not overlap. Only the buffer's true size remains to be checked, after the buffer
/// has been fetched (`check(bufferSize:)`).
///
/// The size in a driver's answer is ignored: before Linux 5.2 it was in pages, and the kernel knows
/// the buffer's own size.
public struct PlaneInfo: Hashable, Sendable {
  /// The picture's layout in its buffer.
  public let layout: ImageLayout
  /// The end of the last pixel in bytes from the buffer's start. For a tiled layout it is lines
  /// times stride, because no line ends early there.
  public let end: Int

  /// The longest side of a picture in pixels: the limit of today's display engines and GL
  /// renderers.
  public static let largestSide: UInt32 = 16384

  /// Checks a driver's description of a plane that is on.
  ///
  /// - Throws: `PlaneDefect`, except `shortBuffer`.
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

/// A defect in a driver's or a guest's description of a plane.
@nonexhaustive
public enum PlaneDefect: Error, Hashable, Sendable {
  /// No known driver reports this format.
  case unknownFormat(FourCC)
  /// The picture is larger than any display engine's.
  case absurdSize(width: UInt32, height: UInt32)
  /// A line's pixels do not fit between it and the next line.
  case shortStride(stride: UInt32, needed: Int)
  /// The pixels do not fit into the buffer that the driver handed out, in bytes.
  case shortBuffer(size: Int, needed: Int)
}

extension PlaneDefect: CustomStringConvertible {
  /// One line: the parts that do not fit.
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
