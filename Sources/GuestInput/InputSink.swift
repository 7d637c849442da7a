// SPDX-License-Identifier: Apache-2.0

/// A guest's keyboard and mouse: the seam between a window, which knows what a person does, and a
/// provider that can tell the guest (QMP, a display on D-Bus, libvirt).
///
/// The sink alone knows which keys and buttons are down. A window sends every event, repetitions
/// included, and keeps no list of its own. ``GuestInput/InputQueue`` does this work for a sink.
public protocol InputSink: AnyObject, Sendable {
  /// Takes an event, in order, from any thread. It does not block.
  ///
  /// A press, motion or the wheel is refused while the guest takes no input. The release of a key
  /// that the guest believes to be down is taken at any time, and the guest gets it later.
  @discardableResult
  func send(_ event: GuestInputEvent) -> InputReceipt

  /// Lets go of every key and button: the focus goes elsewhere, a grab begins or ends, or the window
  /// closes. A sink does the same by itself when it leaves the guest.
  func releaseAll()

  /// Whether the guest takes input, and which; asked now and then.
  var state: GuestInputState { get }
}

/// What became of an event.
@nonexhaustive
public enum InputReceipt: Hashable, Sendable {
  /// The guest gets it.
  case taken
  /// The event was for the guest, which hears nothing of it: a key that repeats itself is down
  /// already, and a key that the guest does not have is never down.
  case unchanged
  /// The event was not for the guest: the guest takes no input, or the press before it was refused.
  case refused
}

/// Whether a guest takes input.
@nonexhaustive
public enum GuestInputState: Hashable, Sendable {
  /// It takes what these devices do.
  case ready(InputDevices)
  /// It takes none; why, as a person should read it, in one line.
  case viewOnly(reason: String)
}

/// The devices by which a guest can be told something.
public struct InputDevices: OptionSet, Hashable, Sendable {
  /// One bit a device.
  public let rawValue: UInt32

  /// Makes a set of its bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// A keyboard.
  public static let keyboard = InputDevices(rawValue: 1 << 0)
  /// A mouse, which takes steps.
  public static let mouse = InputDevices(rawValue: 1 << 1)
  /// A tablet, which takes places on the screen.
  public static let tablet = InputDevices(rawValue: 1 << 2)
}
