// SPDX-License-Identifier: Apache-2.0

@testable import GuestControl

extension Target {
  /// `/proc/PID/cmdline`.
  static let commandLine = Target(name: "command-line") { bytes in
    let commandLine = QEMUCommandLine(QEMUCommandLine.arguments(in: bytes))
    precondition(commandLine.sockets.allSatisfy { !$0.isEmpty })
  }
}
