// SPDX-License-Identifier: Apache-2.0

import QMP

/// Connects to a QMP socket.
struct SocketConnector: MonitorConnector {
  let path: String
  /// QEMU greets within milliseconds; who waits for longer waits for another client to go.
  var patience: Duration = .seconds(2)

  func connect() async throws(MonitorUnavailable) -> any MachineMonitor {
    do {
      return try await QMPClient(path: path, timeout: patience)
    } catch {
      throw MonitorUnavailable(error, path: path)
    }
  }
}
