// SPDX-License-Identifier: Apache-2.0

/// Where a guest's monitor is to be found.
public enum MonitorEndpoint: Sendable {
  /// At a QMP socket's path.
  case socket(String)
  /// With a QEMU of which the process is known: its command line names its sockets.
  case process(Int32)
  /// By a way that this library does not know, such as libvirt.
  case other(any MonitorConnector)

  var connector: any MonitorConnector {
    switch self {
    case .socket(let path): SocketConnector(path: path)
    case .process(let pid): ProcessConnector(pid: pid)
    case .other(let connector): connector
    }
  }
}
