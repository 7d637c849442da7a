// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ErrorKinds

/// The command's exit codes. Up to 78 they are those of sysexits.h, which systemd names too; the others
/// are the command's own. docs/json.md has the same list.
enum ExitReason: Int32, CaseIterable {
  case done = 0
  case failed = 1
  /// EX_USAGE, ArgumentParser's code too.
  case wrongUsage = 64
  /// EX_NOINPUT.
  case notFound = 66
  /// EX_UNAVAILABLE.
  case notRunning = 69
  /// EX_TEMPFAIL.
  case busy = 75
  /// EX_NOPERM.
  case notPermitted = 77
  case noPicture = 79
  case noDisplay = 80
  case ambiguous = 81
  case unsupported = 82
  case notReady = 83

  /// When the command ends with it, for the help.
  var meaning: String {
    switch self {
    case .done: "done"
    case .failed: "failed for another reason"
    case .wrongUsage: "wrong usage: an option, an argument, or a value in it"
    case .notFound: "not found: a vGPU, type, process, domain, device or file"
    case .notRunning: "not running: you may see no guest on the vGPU, or the guest has ended"
    case .busy: "busy: somebody else uses it, or none is left; try later"
    case .notPermitted: "not permitted: run as another user, or as root"
    case .noPicture: "no picture: the guest shows nothing now"
    case .noDisplay: "no display: the device or the process can show nothing"
    case .ambiguous: "ambiguous: several fit; name one"
    case .unsupported: "not supported by this driver, kernel, QEMU or guest"
    case .notReady: "the host is not ready (`vgpu doctor`)"
    }
  }

  /// The list for the help.
  static var list: String {
    allCases.map { status in
      let code = "\(status.rawValue)"
      return "  " + code + String(repeating: " ", count: 4 - code.count) + status.meaning
    }
    .joined(separator: "\n")
  }

  /// What an error that ended the command means to the caller.
  init(of error: any Error) {
    self = ExitReason(rawValue: ErrorClass(of: error).kind.exitCode) ?? .failed
  }
}
