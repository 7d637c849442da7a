// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A pixel format by pixman's number (pixman_format_code_t), one that a display surface of QEMU's can
/// have. Pixels are read as numbers of the host's byte order.
struct PixmanFormat: Hashable {
  let bytesPerPixel: Int
  private let red: Channel
  private let green: Channel
  private let blue: Channel

  private struct Channel: Hashable {
    let shift: UInt32
    let bits: UInt32

    /// The colour as 8 bits: the upper bits repeated below.
    func value(_ pixel: UInt32) -> UInt32 {
      let value = pixel >> shift & (1 << bits - 1)
      return bits == 8 ? value : value << (8 - bits) | value >> (2 * bits - 8)
    }
  }

  static let x8r8g8b8: UInt32 = 0x2002_0888
  static let a8r8g8b8: UInt32 = 0x2002_8888

  /// Pixels that are copied as they are. The alpha of a screen's picture means nothing.
  private let isPlain: Bool

  /// `nil` for a format that no surface of QEMU's has.
  init?(_ code: UInt32) {
    let bits = code >> 24
    let (alpha, r, g, b) = (code >> 12 & 15, code >> 8 & 15, code >> 4 & 15, code & 15)
    guard [16, 24, 32].contains(bits), (5...8).contains(r), (5...8).contains(g),
      (5...8).contains(b),
      alpha + r + g + b <= bits
    else { return nil }
    switch code >> 16 & 0xFF {
    case 2:  // ARGB
      (red, green, blue) = (
        Channel(shift: g + b, bits: r), Channel(shift: b, bits: g), Channel(shift: 0, bits: b)
      )
    case 3:  // ABGR
      (red, green, blue) = (
        Channel(shift: 0, bits: r), Channel(shift: r, bits: g), Channel(shift: r + g, bits: b)
      )
    case 8:  // BGRA
      (red, green, blue) = (
        Channel(shift: bits - b - g - r, bits: r), Channel(shift: bits - b - g, bits: g),
        Channel(shift: bits - b, bits: b)
      )
    case 9:  // RGBA
      (red, green, blue) = (
        Channel(shift: bits - r, bits: r), Channel(shift: bits - r - g, bits: g),
        Channel(shift: bits - r - g - b, bits: b)
      )
    default: return nil
    }
    bytesPerPixel = Int(bits / 8)
    isPlain = code == Self.x8r8g8b8 || code == Self.a8r8g8b8
  }

  /// Copies a line of pixels, as XRGB8888.
  func copy(_ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, count: Int) {
    if isPlain {
      memcpy(target, source, count * 4)
      return
    }
    for index in 0..<count {
      let at = source + index * bytesPerPixel
      let pixel: UInt32
      switch bytesPerPixel {
      case 2: pixel = UInt32(at.loadUnaligned(as: UInt16.self))
      case 3:
        pixel =
          UInt32(at.load(as: UInt8.self)) | UInt32(at.load(fromByteOffset: 1, as: UInt8.self)) << 8
          | UInt32(at.load(fromByteOffset: 2, as: UInt8.self)) << 16
      default: pixel = at.loadUnaligned(as: UInt32.self)
      }
      let value = red.value(pixel) << 16 | green.value(pixel) << 8 | blue.value(pixel)
      target.storeBytes(of: value, toByteOffset: index * 4, as: UInt32.self)
    }
  }
}
