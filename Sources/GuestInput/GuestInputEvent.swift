// SPDX-License-Identifier: Apache-2.0

/// A keyboard, mouse or touch event from a person, for a guest. The window and the provider that encodes
/// the event use this one type.
@nonexhaustive
public enum GuestInputEvent: Hashable, Sendable {
  /// A key goes down or up.
  case key(Keycode, down: Bool)
  /// A button of the mouse goes down or up.
  case button(PointerButton, down: Bool)
  /// The pointer is at a place of the guest's screen: 0 at the left and upper edge,
  /// `absoluteMaximum` at the right and lower edge, at every resolution.
  case absolute(x: Int, y: Int)
  /// The mouse moved by this many of its steps; right and down are positive.
  case relative(dx: Int, dy: Int)
  /// The wheel turned by this many notches; up and left are negative.
  case wheel(WheelAxis, notches: Int)

  /// A finger touches the screen. The place counts as `absolute` does. The slot is the finger's number, from
  /// 0, as long as it touches.
  case touchDown(slot: Int, x: Int, y: Int)
  /// A finger that touches the screen moves to a place.
  case touchMove(slot: Int, x: Int, y: Int)
  /// A finger leaves the screen.
  case touchUp(slot: Int)

  /// The most fingers: slots are 0 to 9.
  public static let mostTouches = 10

  /// The far edge of the screen for `absolute` (QEMU's `INPUT_EVENT_ABS_MAX`).
  public static let absoluteMaximum = 0x7FFF
}

extension GuestInputEvent {
  /// The press of the key or button that this event presses or releases; `nil` for motion and the
  /// wheel. A press also stands for a key or button that is down. A finger counts as a button, and its
  /// press is a touch of the upper left corner.
  public var press: GuestInputEvent? {
    switch self {
    case .key(let key, _): .key(key, down: true)
    case .button(let button, _): .button(button, down: true)
    case .touchDown(let slot, _, _), .touchUp(let slot): .touchDown(slot: slot, x: 0, y: 0)
    case .absolute, .relative, .wheel, .touchMove: nil
    }
  }

  /// Whether the event presses a key or button, or begins a touch.
  public var isPress: Bool {
    switch self {
    case .key(_, let isDown), .button(_, let isDown): isDown
    case .touchDown: true
    case .absolute, .relative, .wheel, .touchMove, .touchUp: false
    }
  }

  /// The release of the key or button that this event presses or releases; `nil` for motion and the
  /// wheel.
  public var release: GuestInputEvent? {
    switch self {
    case .key(let key, _): .key(key, down: false)
    case .button(let button, _): .button(button, down: false)
    case .touchDown(let slot, _, _), .touchUp(let slot): .touchUp(slot: slot)
    case .absolute, .relative, .wheel, .touchMove: nil
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
  /// The fourth button, at the thumb: back (`BTN_SIDE`).
  case side
  /// The fifth button: forward (`BTN_EXTRA`).
  case extra
}

extension PointerButton {
  /// The button of a code of the kernel's (linux/input-event-codes.h).
  ///
  /// - Returns: `nil` for a code of no such button.
  package init?(code: UInt32) {
    guard let button = Self.allCases.first(where: { $0.code == code }) else { return nil }
    self = button
  }

  /// The kernel's code (linux/input-event-codes.h).
  package var code: UInt32 {
    switch self {
    case .left: 0x110
    case .right: 0x111
    case .middle: 0x112
    case .side: 0x113
    case .extra: 0x114
    }
  }
}

/// The axis of a wheel.
public enum WheelAxis: Hashable, Sendable {
  /// Up and down.
  case vertical
  /// To the left and to the right.
  case horizontal
}

/// A key of a keyboard by its place, not by its label: the kernel's key code (`KEY_A` is 30,
/// linux/input-event-codes.h). The guest's keyboard layout decides which character the key types.
public struct Keycode: RawRepresentable, Hashable, Sendable {
  /// The number in the kernel's header.
  public let rawValue: UInt16

  /// Makes a key from the kernel's number.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// Makes a key from the keycode of an X server or a Wayland compositor. Their keycodes are the
  /// kernel's plus 8.
  ///
  /// - Returns: `nil` for a keycode that no key has.
  public init?(xkb code: UInt32) {
    guard code > 8, code <= 8 + UInt32(Self.highest) else { return nil }
    rawValue = UInt16(code - 8)
  }

  /// KEY_MAX.
  private static let highest: UInt16 = 0x2FF
}
