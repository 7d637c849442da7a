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
          convert.rgb(line, width: size.width, into: &rgb, at: y * size.width * 3)
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
