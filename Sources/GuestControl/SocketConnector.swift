// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import QMP

/// Connects to a QMP socket.
struct SocketConnector: MonitorConnector {
  let path: String
  /// Who must serve it, where another has named the path.
  var server: RunningProcess?
  /// QEMU greets within milliseconds; who waits for longer waits for another client to go.
  var patience: Duration = .seconds(2)

  func connect() async throws(MonitorUnavailable) -> any MachineMonitor {
    do {
      return try await QMPClient(path: path, servedBy: server, timeout: patience)
    } catch {
      throw MonitorUnavailable(error, path: path)
    }
  }
}
