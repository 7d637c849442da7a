// SPDX-License-Identifier: Apache-2.0

/// A guest's keyboard and mouse: the interface between a window, which gets a person's events, and
/// a provider that can send them to the guest (QMP, a display on D-Bus, libvirt).
///
/// Only the sink knows which keys and buttons are down. A window sends every event, repetitions
/// included, and keeps no list of its own. ``GuestInput/InputQueue`` does this work for a sink.
public protocol InputSink: AnyObject, Sendable {
  /// Takes an event from any thread, and keeps the order. It does not block.
  ///
  /// While the guest takes no input, the sink refuses presses, motion and the wheel. The sink
  /// always takes the release of a key that the guest believes to be down, and the guest gets it
  /// later.
  @discardableResult
  func send(_ event: GuestInputEvent) -> InputReceipt

  /// Releases every key and button. Call it when the focus leaves, a grab begins or ends, or the
  /// window closes. A sink does the same by itself when it leaves the guest.
  func releaseAll()

  /// Whether the guest takes input, and from which devices.
  var state: GuestInputState { get }

  /// Tells when `state` may have changed, from now on. Each call makes a sequence of its own, which ends with
  /// the sink, or at once when the state never changes. A window that rests reads `state` only then.
  func changes() -> AsyncStream<Void>
}

/// The result of sending an event.
@nonexhaustive
public enum InputReceipt: Hashable, Sendable {
  /// The guest gets it.
  case taken
  /// The event was for the guest, but the guest does not get it: a repeated key is down already,
  /// and a key that the guest does not have is never down.
  case unchanged
  /// The event was not for the guest: the guest takes no input, or the press before it was refused.
  case refused
}

/// Whether a guest takes input.
@nonexhaustive
public enum GuestInputState: Hashable, Sendable {
  /// It takes the events of these devices.
  case ready(InputDevices)
  /// It takes no input; `reason` is one line for a person.
  case viewOnly(reason: String)
}

/// The devices through which a guest gets input.
public struct InputDevices: OptionSet, Hashable, Sendable {
  /// One bit for each device.
  public let rawValue: UInt32

  /// Makes a set from its bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// A keyboard.
  public static let keyboard = InputDevices(rawValue: 1 << 0)
  /// A mouse; it takes steps.
  public static let mouse = InputDevices(rawValue: 1 << 1)
  /// A tablet; it takes places on the screen.
  public static let tablet = InputDevices(rawValue: 1 << 2)
  /// A touch screen; it takes several fingers.
  public static let touchScreen = InputDevices(rawValue: 1 << 3)
}
