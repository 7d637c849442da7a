// SPDX-License-Identifier: Apache-2.0

/// A key of a keyboard by its place, not by what is printed on it: the kernel's key code (`KEY_A` is
/// 30, linux/input-event-codes.h). What it types is the guest's matter, whose layout applies.
public struct Keycode: RawRepresentable, Hashable, Sendable {
  /// The number in the kernel's header.
  public let rawValue: UInt16

  /// Makes a key of the kernel's number.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// A key of an X server's or a Wayland compositor's keycode, which both count from 8 on.
  ///
  /// - Returns: `nil` for one that no key has.
  public init?(xkb code: UInt32) {
    guard code > 8, code <= 8 + UInt32(Self.highest) else { return nil }
    rawValue = UInt16(code - 8)
  }

  /// KEY_MAX.
  private static let highest: UInt16 = 0x2FF
}
