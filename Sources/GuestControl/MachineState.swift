// SPDX-License-Identifier: Apache-2.0

/// What a guest's machine is doing, of QMP's `RunState` what a person wants to know.
public enum MachineState: Hashable, Sendable {
  /// Nobody has told yet, or nobody can.
  case unknown
  /// Its CPUs run.
  case running
  /// Its CPUs are held, by a person, a debugger, a migration, or an error of its disk.
  case paused
  /// It sleeps (ACPI S3); a key wakes it.
  case suspended
  /// It has powered off, and QEMU was told to stay (`-no-shutdown`), or has not ended yet.
  case poweredOff
  /// Its kernel has crashed and said so.
  case panicked

  /// - Parameter status: `query-status`'s.
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

  /// Why QEMU refuses input in this state; `nil` where it does not.
  var reasonAgainstInput: String? {
    switch self {
    case .unknown, .running, .suspended: nil
    case .paused: "the guest is paused"
    case .poweredOff: "the guest has powered off"
    case .panicked: "the guest has crashed"
    }
  }
}
