// SPDX-License-Identifier: Apache-2.0

public import DMABuf
public import VFIO

/// A plane that is on and whose description is consistent: the format is known, the sizes are sane,
/// the lines do not overlap, the picture lies inside its image. Only the buffer's true size remains to
/// be checked, after the buffer has been fetched (`check(bufferSize:)`).
public struct PlaneInfo: Hashable, Sendable {
  /// The image's layout in its buffer.
  public let layout: ImageLayout
  /// The part of the image that is the picture, in pixels and in lines of the memory: line 0 is the
  /// first one there, also in a picture that is upside down.
  public let crop: PixelRectangle
  /// Whether the first line in memory is the lowest one of the picture, as in a picture of OpenGL's.
  public let isUpsideDown: Bool
  /// The end of the last pixel of the image in bytes from the buffer's start. For a tiled layout it is
  /// lines times stride, because no line ends early there.
  public let end: Int

  /// The longest side of a picture in pixels: the limit of today's display engines and GL
  /// renderers.
  public static let largestSide: UInt32 = 16384
  /// The most memory planes of an image: the limit of EGL and of Wayland's protocol for dma-bufs.
  public static let mostPlanes = 4

  /// Checks a driver's description of a plane that is on.
  ///
  /// The size in a driver's answer is ignored: before Linux 5.2 it was in pages, and the kernel knows
  /// the buffer's own size.
  ///
  /// - Throws: `PlaneDefect`, except `shortBuffer`.
  public init(checking plane: GraphicsPlane) throws(PlaneDefect) {
    guard let format = PixelFormat(FourCC(rawValue: plane.format)) else {
      throw .unknownFormat(FourCC(rawValue: plane.format))
    }
    // Numbers of 32 bits always fit.
    try self.init(
      checking: ImageLayout(
        width: Int(plane.width), height: Int(plane.height), format: format,
        modifier: FormatModifier(rawValue: plane.modifier), stride: Int(plane.stride)))
  }

  /// Checks a description of any other origin, such as another process's. All numbers may be anything.
  ///
  /// - Parameters:
  ///   - layout: the image's layout. All of its memory planes lie in one buffer. An image that the CPU
  ///     can read has one plane, and so has one with the modifier `INVALID`.
  ///   - crop: the part of the image that is the picture, counted as `PlaneInfo.crop` is; `nil` for all
  ///     of it.
  ///   - isUpsideDown: whether the first line in memory is the lowest one of the picture.
  /// - Throws: `PlaneDefect`, except `shortBuffer`.
  public init(
    checking layout: ImageLayout, crop: PixelRectangle? = nil, isUpsideDown: Bool = false
  ) throws(PlaneDefect) {
    let sides = 1...Int(Self.largestSide)
    guard sides.contains(layout.width), sides.contains(layout.height) else {
      throw .absurdSize(
        width: UInt32(clamping: layout.width), height: UInt32(clamping: layout.height))
    }
    let most = layout.modifier == .linear || layout.modifier == .invalid ? 1 : Self.mostPlanes
    guard (1...most).contains(layout.planes.count) else {
      throw .absurdPlaneCount(layout.planes.count)
    }
    for plane in layout.planes {
      let numbers = 0...Int(UInt32.max)
      guard numbers.contains(plane.offset), numbers.contains(plane.stride) else {
        throw .absurdPlane(offset: plane.offset, stride: plane.stride)
      }
    }
    // From here on nothing overflows: sides are at most 2^14, strides and offsets below 2^32.
    guard let line = layout.format.lineBytes(width: layout.width),
      let linearEnd = layout.linearEnd
    else {
      throw .absurdSize(
        width: UInt32(clamping: layout.width), height: UInt32(clamping: layout.height))
    }
    guard line <= layout.stride else {
      throw .shortStride(stride: UInt32(clamping: layout.stride), needed: line)
    }
    let whole = PixelSize(width: layout.width, height: layout.height).whole
    let crop = crop ?? whole
    guard crop.liesWithin(whole) else { throw .absurdCrop(crop) }
    end = layout.modifier == .linear ? linearEnd : layout.endOfLines
    self.layout = layout
    self.crop = crop
    self.isUpsideDown = isUpsideDown
  }

  /// The picture's size.
  public var size: PixelSize { PixelSize(width: crop.width, height: crop.height) }

  /// Checks that the image lies inside a buffer of `bufferSize` bytes.
  ///
  /// - Throws: `PlaneDefect.shortBuffer`.
  public func check(bufferSize: Int) throws(PlaneDefect) {
    guard end <= bufferSize else { throw .shortBuffer(size: bufferSize, needed: end) }
  }
}

extension ImageLayout {
  /// The end of all lines of a tiled image. The height of a further plane is the driver's own matter:
  /// such a plane has at least one line.
  fileprivate var endOfLines: Int {
    var end = 0
    for (index, plane) in planes.enumerated() {
      end = max(end, plane.offset + plane.stride * (index == 0 ? height : 1))
    }
    return end
  }
}

/// A defect in a driver's or a guest's description of a plane.
@nonexhaustive
public enum PlaneDefect: Error, Hashable, Sendable {
  /// No known driver reports this format.
  case unknownFormat(FourCC)
  /// The picture is larger than any display engine's.
  case absurdSize(width: UInt32, height: UInt32)
  /// No image of this layout has so many memory planes.
  case absurdPlaneCount(Int)
  /// A memory plane's place cannot be told in 32 bits, in bytes.
  case absurdPlane(offset: Int, stride: Int)
  /// The picture is no part of its image.
  case absurdCrop(PixelRectangle)
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
    case .absurdPlaneCount(let count):
      "\(count) memory planes, where \(PlaneInfo.mostPlanes) are the most, and 1 in a linear image"
    case .absurdPlane(let offset, let stride):
      "a memory plane from byte \(offset) on, with lines that follow each other every \(stride) bytes"
    case .absurdCrop(let crop):
      "a picture of \(crop.width)x\(crop.height) pixels at \(crop.x), \(crop.y) that is no part of its"
        + " image"
    case .shortStride(let stride, let needed):
      "lines of \(needed) bytes that follow each other every \(stride) bytes"
    case .shortBuffer(let size, let needed):
      "\(needed) bytes of pixels in a buffer of \(size) bytes"
    }
  }
}
