// SPDX-License-Identifier: Apache-2.0

public import GuestInput

/// An event of a guest, for a window or a program around it.
@nonexhaustive
public enum GuestEvent: Hashable, Sendable {
  /// There is a connection, and the machine's state is known.
  case connected
  /// The connection ended, or no connection could be made. `reason` is one line. Sent once for each
  /// reason.
  case disconnected(reason: String)
  /// The machine's state changed.
  case machine(MachineState)
  /// The machine was reset, by its guest or from outside.
  case reset(byGuest: Bool)
  /// The machine ends (QMP's `SHUTDOWN`), by the guest or from outside. `cause` is QMP's
  /// `ShutdownCause`, such as `guest-shutdown`, `guest-reset` (with `-no-reboot`), `host-qmp-quit`,
  /// `host-signal`.
  case shutdown(byGuest: Bool, cause: String)
  /// A person pressed a key that this QEMU has no name for. Sent once for each key.
  case unknownKey(Keycode)
}

/// The state of a guest's machine: the part of QMP's `RunState` that a person wants to know.
@nonexhaustive
public enum MachineState: Hashable, Sendable {
  /// The state is not known yet, or QEMU does not tell it.
  case unknown
  /// Its CPUs run.
  case running
  /// Its CPUs are stopped by a person, a debugger, a migration, or a disk error.
  case paused
  /// It sleeps (ACPI S3); a key wakes it.
  case suspended
  /// It has powered off. QEMU stays (`-no-shutdown`), or has not ended yet.
  case poweredOff
  /// Its kernel has crashed and said so.
  case panicked

  /// - Parameter status: the `status` of `query-status`.
  init(status: String) {
    self =
      switch status {
      case "running": .running
      case "suspended": .suspended
      case "shutdown": .poweredOff
      case "guest-panicked": .panicked
      default: .paused
      }
  }

  /// Why QEMU refuses input in this state; `nil` when QEMU takes input.
  var reasonAgainstInput: String? {
    switch self {
    case .unknown, .running, .suspended: nil
    case .paused: "the guest is paused"
    case .poweredOff: "the guest has powered off"
    case .panicked: "the guest has crashed"
    }
  }
}
