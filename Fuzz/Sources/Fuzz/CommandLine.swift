// SPDX-License-Identifier: Apache-2.0

@testable import GuestControl
@testable import HostDevices
@testable import LinuxSystem
@testable import QEMUArguments

extension Target {
  /// `/proc/PID/cmdline` and, after two zero bytes, a file that it names with `-readconfig`.
  static let commandLine = Target(name: "command-line") { bytes in
    let end = bytes.indices.first { $0 > 0 && bytes[$0] == 0 && bytes[$0 - 1] == 0 } ?? bytes.count
    let arguments = ProcFiles.arguments(in: Array(bytes[..<end]))
    let commandLine = QEMUCommandLine(arguments) { _ in Array(bytes[end...].dropFirst()) }
    precondition(commandLine.sockets.allSatisfy { !$0.isEmpty })
    _ = AssignedDevice.named(inQEMUArguments: arguments)
  }
}
