// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
public import QMP

/// Where a guest's QMP is to be found.
@nonexhaustive
public enum QMPEndpoint: Sendable {
  /// At a QMP socket's path.
  case socket(String)
  /// With a QEMU of which the process is known: its command line names its sockets, and the process
  /// itself must serve them.
  case process(RunningProcess)
  /// With the first of several processes that has a QMP socket, because QEMU and others hold a vGPU.
  case firstOf([RunningProcess])
  /// By a way that this library does not know, such as libvirt.
  case other(any QMPConnector)

  /// Connects for a few commands; `GuestController` follows a guest for longer.
  ///
  /// - Returns: a connection that is to be closed.
  /// - Throws: `QMPUnavailable`.
  public func connect() async throws(QMPUnavailable) -> any QMPConnection {
    try await connector.connect()
  }

  var connector: any QMPConnector {
    switch self {
    case .socket(let path): SocketConnector(path: path)
    case .process(let process): ProcessConnector([process])
    case .firstOf(let processes): ProcessConnector(processes)
    case .other(let connector): connector
    }
  }
}

/// A way to a running QEMU's machine protocol: a QMP socket of our own, or somebody else's that
/// passes commands on, as libvirt does.
public protocol QMPConnection: AnyObject, Sendable {
  /// Carries a command out, and waits for QEMU's answer.
  ///
  /// - Throws: `QMPError.refused`, `.timeout` and `.cancelled`, after which the connection goes on;
  ///   anything else is its end.
  func execute<Command: QMPCommand>(
    _ command: Command, timeout: Duration
  ) async throws(QMPError) -> Command.Response

  /// What happens in QEMU from now on, until the connection's end. A connection that hears of no
  /// events has a sequence without elements, which ends with it all the same.
  func events() -> AsyncStream<QMPEvent>

  /// Why the connection has ended; `nil` while it has not.
  var failure: QMPError? { get }

  /// Lets go of QEMU, and returns when nothing of the connection is left.
  func close() async
}

extension QMPClient: QMPConnection {}

/// Makes connections to one guest, again after each one's end.
public protocol QMPConnector: Sendable {
  /// Looks for the guest and connects.
  ///
  /// - Throws: `QMPUnavailable`: why there is none now; it is asked again later.
  func connect() async throws(QMPUnavailable) -> any QMPConnection
}

/// Connects to a QMP socket.
struct SocketConnector: QMPConnector {
  let path: String
  /// Who must serve it, when another has named the path.
  var server: RunningProcess?
  /// QEMU greets within milliseconds. A longer wait is one for another client to go.
  var patience: Duration = .seconds(2)

  func connect() async throws(QMPUnavailable) -> any QMPConnection {
    do {
      return try await QMPClient(path: path, servedBy: server, timeout: patience)
    } catch {
      throw QMPUnavailable(error, path: path)
    }
  }
}
