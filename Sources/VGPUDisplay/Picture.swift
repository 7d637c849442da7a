// SPDX-License-Identifier: Apache-2.0

public import DMABuf
package import ErrorKinds
public import LinuxSystem

/// A copy of a guest's picture in a form that every program can use, for screenshots and tests.
public struct Picture: Hashable, Sendable {
  /// Width in pixels.
  public let width: Int
  /// Height in pixels.
  public let height: Int
  /// Red, green and blue of each pixel, one byte each, line after line without gaps.
  public private(set) var rgb: [UInt8]

  /// Makes a picture from its parts.
  ///
  /// - Parameters:
  ///   - width: in pixels, more than zero.
  ///   - height: in pixels, more than zero.
  ///   - rgb: `width * height * 3` bytes; `nil` is returned for any other count.
  public init?(width: Int, height: Int, rgb: [UInt8]) {
    guard width > 0, height > 0, rgb.count == width * height * 3 else { return nil }
    self.width = width
    self.height = height
    self.rgb = rgb
  }

  /// Why a plane's pixels cannot be copied by the CPU.
  @nonexhaustive
  public enum CopyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The memory layout is the GPU's own.
    case tiled(FormatModifier)
    /// The format is no RGB one.
    case format(FourCC)
    /// The memory cannot be mapped.
    case unmappable(SystemCallError)

    /// One line: the obstacle.
    public var description: String {
      switch self {
      case .tiled(let modifier):
        "the picture lies in memory as \(modifier), which only the GPU's driver can read"
      case .format(let format):
        "pixels of the format \(format) cannot be converted"
      case .unmappable(let error):
        "the picture cannot be read: \(error)"
      }
    }
  }

  /// Copies the pixels of a plane. The guest may draw at the same time, so a copy can show parts of
  /// two frames.
  ///
  /// - Throws: `CopyError`.
  public init(copying plane: PlaneBuffer) throws(CopyError) {
    let format = plane.layout.format.fourCC
    guard let lines = plane.lines else { throw .tiled(plane.layout.modifier) }
    guard let convert = PixelConversion(format) else { throw .format(format) }
    let size = plane.size
    var rgb = [UInt8](repeating: 0, count: size.width * size.height * 3)
    do {
      try plane.withPixels { (bytes) throws(SystemCallError) in
        for y in 0..<lines.count {
          let start = lines.start(of: y)
          let line = UnsafeRawBufferPointer(rebasing: bytes[start..<start + lines.length])
          convert.line(line, width: size.width, into: &rgb, at: y * size.width * 3)
        }
      }
    } catch {
      throw .unmappable(error)
    }
    width = size.width
    height = size.height
    self.rgb = rgb
  }

  /// A pixel as XRGB8888 with the highest byte zero. Coordinates outside the picture trap.
  public func color(x: Int, y: Int) -> UInt32 {
    let offset = (y * width + x) * 3
    return UInt32(rgb[offset]) << 16 | UInt32(rgb[offset + 1]) << 8 | UInt32(rgb[offset + 2])
  }
}

extension Picture.CopyError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .tiled, .format: .unsupported
    case .unmappable(let error): ErrorClass(.other, errno: error.errorClass.errno)
    }
  }
}

/// The CPU's way to read the pixels of a format.
private struct PixelConversion {
  private let bytesPerPixel: Int
  private let rgb: (UInt32) -> (UInt8, UInt8, UInt8)

  init?(_ format: FourCC) {
    switch format {
    case .xrgb8888, .argb8888:
      bytesPerPixel = 4
      rgb = { (UInt8($0 >> 16 & 255), UInt8($0 >> 8 & 255), UInt8($0 & 255)) }
    case .xbgr8888, .abgr8888:
      bytesPerPixel = 4
      rgb = { (UInt8($0 & 255), UInt8($0 >> 8 & 255), UInt8($0 >> 16 & 255)) }
    case .rgb888:
      bytesPerPixel = 3
      rgb = { (UInt8($0 >> 16 & 255), UInt8($0 >> 8 & 255), UInt8($0 & 255)) }
    case .rgb565:
      bytesPerPixel = 2
      rgb = { (Self.widen($0 >> 11, 5), Self.widen($0 >> 5, 6), Self.widen($0, 5)) }
    case .xrgb2101010:
      bytesPerPixel = 4
      rgb = { (UInt8($0 >> 22 & 255), UInt8($0 >> 12 & 255), UInt8($0 >> 2 & 255)) }
    case .xbgr2101010:
      bytesPerPixel = 4
      rgb = { (UInt8($0 >> 2 & 255), UInt8($0 >> 12 & 255), UInt8($0 >> 22 & 255)) }
    default:
      return nil
    }
  }

  /// The eight-bit number with the same brightness as a number of fewer bits: full scale stays full
  /// scale.
  private static func widen(_ value: UInt32, _ bits: UInt32) -> UInt8 {
    let most = UInt32(1) << bits - 1
    return UInt8(((value & most) * 255 + most / 2) / most)
  }

  func line(_ line: UnsafeRawBufferPointer, width: Int, into output: inout [UInt8], at start: Int) {
    for x in 0..<width {
      var value: UInt32 = 0
      for byte in (0..<bytesPerPixel).reversed() {
        value = value << 8 | UInt32(line[x * bytesPerPixel + byte])
      }
      let (red, green, blue) = rgb(value)
      output[start + x * 3] = red
      output[start + x * 3 + 1] = green
      output[start + x * 3 + 2] = blue
    }
  }
}
