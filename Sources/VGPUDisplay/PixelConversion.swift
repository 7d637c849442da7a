// SPDX-License-Identifier: Apache-2.0

package import DMABuf

/// The CPU's way to read the pixels of a format.
package struct PixelConversion {
  private let bytesPerPixel: Int
  private let colors: (UInt32) -> (UInt8, UInt8, UInt8)
  /// Whether the pixels are XRGB8888 already, perhaps with alpha.
  private let isPlain: Bool

  /// `nil` for YUV and palettes.
  package init?(_ format: FourCC) {
    isPlain = format == .xrgb8888 || format == .argb8888
    switch format {
    case .xrgb8888, .argb8888:
      bytesPerPixel = 4
      colors = { (UInt8($0 >> 16 & 255), UInt8($0 >> 8 & 255), UInt8($0 & 255)) }
    case .xbgr8888, .abgr8888:
      bytesPerPixel = 4
      colors = { (UInt8($0 & 255), UInt8($0 >> 8 & 255), UInt8($0 >> 16 & 255)) }
    case .rgb888:
      bytesPerPixel = 3
      colors = { (UInt8($0 >> 16 & 255), UInt8($0 >> 8 & 255), UInt8($0 & 255)) }
    case .rgb565:
      bytesPerPixel = 2
      colors = { (Self.widen($0 >> 11, 5), Self.widen($0 >> 5, 6), Self.widen($0, 5)) }
    case .xrgb2101010:
      bytesPerPixel = 4
      colors = { (UInt8($0 >> 22 & 255), UInt8($0 >> 12 & 255), UInt8($0 >> 2 & 255)) }
    case .xbgr2101010:
      bytesPerPixel = 4
      colors = { (UInt8($0 >> 2 & 255), UInt8($0 >> 12 & 255), UInt8($0 >> 22 & 255)) }
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

  /// Reads the first pixels of a line as three bytes each.
  func rgb(_ line: UnsafeRawBufferPointer, width: Int, into output: inout [UInt8], at start: Int) {
    for x in 0..<width {
      let (red, green, blue) = colors(pixel(x, of: line))
      output[start + x * 3] = red
      output[start + x * 3 + 1] = green
      output[start + x * 3 + 2] = blue
    }
  }

  /// Reads a line's pixels as XRGB8888; the highest byte of each is unspecified. As many pixels as both
  /// have room for.
  package func xrgb(_ line: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) {
    let count = min(line.count / bytesPerPixel, output.count / 4)
    if isPlain {
      output.copyMemory(from: UnsafeRawBufferPointer(rebasing: line[..<(count * 4)]))
      return
    }
    for x in 0..<count {
      let (red, green, blue) = colors(pixel(x, of: line))
      output.storeBytes(
        of: UInt32(red) << 16 | UInt32(green) << 8 | UInt32(blue), toByteOffset: x * 4,
        as: UInt32.self)
    }
  }

  private func pixel(_ x: Int, of line: UnsafeRawBufferPointer) -> UInt32 {
    var value: UInt32 = 0
    for byte in (0..<bytesPerPixel).reversed() {
      value = value << 8 | UInt32(line[x * bytesPerPixel + byte])
    }
    return value
  }
}
