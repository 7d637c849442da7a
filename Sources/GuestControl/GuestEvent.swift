// SPDX-License-Identifier: Apache-2.0

public import GuestInput

/// Something that happens to a guest, as a window or a program around it wants to know.
public enum GuestEvent: Hashable, Sendable {
  /// There is a connection, and the machine was asked what it is doing.
  case connected
  /// There is none any more, or none could be made: why, in one line. Told once for each reason.
  case disconnected(reason: String)
  /// The machine does something else than before.
  case machine(MachineState)
  /// The machine was reset, by its guest or from outside.
  case reset(byGuest: Bool)
  /// The machine ends (QMP's `SHUTDOWN`): by the guest or from outside, and QMP's `ShutdownCause`,
  /// such as `guest-shutdown`, `guest-reset` (with `-no-reboot`), `host-qmp-quit`, `host-signal`.
  case shutdown(byGuest: Bool, cause: String)
  /// A key was pressed that this QEMU has no name for. Told once for each key.
  case unknownKey(Keycode)
}
