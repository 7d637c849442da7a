// SPDX-License-Identifier: Apache-2.0

/// Where a guest's keyboard and mouse are plugged in: the seam between the window, which knows what
/// a person does, and whoever can tell the guest.
public protocol InputSink: AnyObject, Sendable {
  /// Takes an event, in order, from any thread. It does not block; a guest that takes nothing for a
  /// while gets what matters later: no key that was let go stays down.
  func send(_ event: GuestInputEvent)

  /// Whether the guest takes input, and which; asked now and then.
  var state: GuestInputState { get }
}

/// Whether a guest takes input.
public enum GuestInputState: Hashable, Sendable {
  /// It does. Where it has no absolute pointer (a tablet), only relative motion reaches it.
  case ready(hasAbsolutePointer: Bool)
  /// It does not; why, as a person should read it, in one line.
  case viewOnly(reason: String)
}
