// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// Where a guest's monitor is to be found.
public enum MonitorEndpoint: Sendable {
  /// At a QMP socket's path.
  case socket(String)
  /// With a QEMU of which the process is known: its command line names its sockets, and the process
  /// itself must serve them.
  case process(RunningProcess)
  /// With the first of several processes that has a monitor, as when a vGPU is held by QEMU and by
  /// others.
  case firstOf([RunningProcess])
  /// By a way that this library does not know, such as libvirt.
  case other(any MonitorConnector)

  /// Connects for a few commands; `GuestController` follows a guest for longer.
  ///
  /// - Returns: a monitor that is to be closed.
  /// - Throws: `MonitorUnavailable`.
  public func connect() async throws(MonitorUnavailable) -> any MachineMonitor {
    try await connector.connect()
  }

  var connector: any MonitorConnector {
    switch self {
    case .socket(let path): SocketConnector(path: path)
    case .process(let process): ProcessConnector([process])
    case .firstOf(let processes): ProcessConnector(processes)
    case .other(let connector): connector
    }
  }
}
