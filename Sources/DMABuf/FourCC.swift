// SPDX-License-Identifier: Apache-2.0

/// A pixel format by its DRM fourcc (`<drm_fourcc.h>`). Any 32-bit value is a fourcc; `PixelFormat`
/// lists the known ones.
public struct FourCC: RawRepresentable, Hashable, Sendable {
  /// The four characters, the first in the lowest byte.
  public let rawValue: UInt32

  /// Makes a format from its number.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Makes a format from its four ASCII characters, such as `"XR24"`; `nil` for anything else.
  public init?(_ characters: String) {
    let bytes = Array(characters.utf8)
    guard bytes.count == 4, bytes.allSatisfy({ $0 < 0x80 }) else { return nil }
    rawValue = bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  private init(code characters: StaticString) {
    rawValue = characters.withUTF8Buffer { utf8 in
      utf8.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
  }

  /// 32 bits, blue in the lowest byte; the highest byte is unused.
  public static let xrgb8888 = FourCC(code: "XR24")
  /// 32 bits, blue in the lowest byte, alpha in the highest; the colours are multiplied by alpha.
  public static let argb8888 = FourCC(code: "AR24")
  /// 32 bits, red in the lowest byte; the highest byte is unused.
  public static let xbgr8888 = FourCC(code: "XB24")
  /// 32 bits, red in the lowest byte, alpha in the highest; the colours are multiplied by alpha.
  public static let abgr8888 = FourCC(code: "AB24")
  /// 24 bits, blue in the lowest byte.
  public static let rgb888 = FourCC(code: "RG24")
  /// 16 bits, blue in the lowest five.
  public static let rgb565 = FourCC(code: "RG16")
  /// 32 bits, blue in the lowest ten; the highest two are unused.
  public static let xrgb2101010 = FourCC(code: "XR30")
  /// 32 bits, red in the lowest ten; the highest two are unused.
  public static let xbgr2101010 = FourCC(code: "XB30")
  /// 8 bits that index a palette, which VFIO does not hand out.
  public static let c8 = FourCC(code: "C8  ")
  /// Packed YUV 4:2:2, bytes Y0 Cb Y1 Cr.
  public static let yuyv = FourCC(code: "YUYV")
  /// Packed YUV 4:2:2, bytes Y0 Cr Y1 Cb.
  public static let yvyu = FourCC(code: "YVYU")
  /// Packed YUV 4:2:2, bytes Cb Y0 Cr Y1.
  public static let uyvy = FourCC(code: "UYVY")
  /// Packed YUV 4:2:2, bytes Cr Y0 Cb Y1.
  public static let vyuy = FourCC(code: "VYUY")
  /// Packed YUV 4:4:4, alpha in the highest byte.
  public static let ayuv = FourCC(code: "AYUV")
}

extension FourCC: CustomStringConvertible {
  /// The four characters, or the number in hexadecimal when they cannot be printed.
  public var description: String {
    let bytes = (0..<4).map { UInt8(truncatingIfNeeded: rawValue >> (8 * UInt32($0))) }
    guard bytes.allSatisfy({ (0x20..<0x7F).contains($0) }) else {
      return "0x" + String(rawValue, radix: 16)
    }
    let text = String(decoding: bytes, as: UTF8.self)
    return String(text.reversed().drop { $0 == " " }.reversed())
  }
}
