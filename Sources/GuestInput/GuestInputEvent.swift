// SPDX-License-Identifier: Apache-2.0

/// Something that a person does with keyboard and mouse, for a guest: the one vocabulary from the
/// window to the provider that encodes it.
@nonexhaustive
public enum GuestInputEvent: Hashable, Sendable {
  /// A key goes down or up.
  case key(Keycode, down: Bool)
  /// A button of the mouse goes down or up.
  case button(PointerButton, down: Bool)
  /// The pointer is at a place of the guest's screen: 0 at the left and upper edge,
  /// `absoluteMaximum` at the right and lower one, whatever the resolution.
  case absolute(x: Int, y: Int)
  /// The mouse was moved by so many of its steps, to the right and down.
  case relative(dx: Int, dy: Int)
  /// The wheel was turned by so many notches: up and to the left are negative.
  case wheel(WheelAxis, notches: Int)

  /// The far edge of the screen for `absolute` (QEMU's `INPUT_EVENT_ABS_MAX`).
  public static let absoluteMaximum = 0x7FFF
}

extension GuestInputEvent {
  /// The press of the key or button that this event presses or lets go; `nil` for motion and the
  /// wheel. So a press also stands for a key or button that is down.
  public var press: GuestInputEvent? {
    switch self {
    case .key(let key, _): .key(key, down: true)
    case .button(let button, _): .button(button, down: true)
    case .absolute, .relative, .wheel: nil
    }
  }

  /// The release of the key or button that this event presses or lets go; `nil` for motion and the
  /// wheel.
  public var release: GuestInputEvent? {
    switch self {
    case .key(let key, _): .key(key, down: false)
    case .button(let button, _): .button(button, down: false)
    case .absolute, .relative, .wheel: nil
    }
  }
}

/// A button of a mouse.
@nonexhaustive
public enum PointerButton: Hashable, Sendable, CaseIterable {
  /// The main button (`BTN_LEFT`).
  case left
  /// The wheel, pressed (`BTN_MIDDLE`).
  case middle
  /// The second button (`BTN_RIGHT`).
  case right
  /// The fourth, by the thumb: back (`BTN_SIDE`).
  case side
  /// The fifth: forward (`BTN_EXTRA`).
  case extra
}

/// Which way a wheel turns.
public enum WheelAxis: Hashable, Sendable {
  /// Up and down.
  case vertical
  /// To the left and to the right.
  case horizontal
}

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
