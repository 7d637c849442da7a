// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem
public import QMP

/// Where a guest's QMP is.
@nonexhaustive
public enum QMPEndpoint: Sendable {
  /// At a QMP socket's path.
  case socket(String)
  /// At a QEMU process. The process's command line names the sockets, and the process itself must
  /// serve them.
  case process(RunningProcess)
  /// At the first of several processes that has a QMP socket, because other processes than QEMU
  /// also hold a vGPU.
  case firstOf([RunningProcess])
  /// Through a connector that this library does not have, such as libvirt's.
  case other(any QMPConnector)

  /// Connects for a few commands; `GuestController` follows a guest for longer.
  ///
  /// - Returns: a connection. The caller closes it.
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

/// A connection to a running QEMU's machine protocol: a QMP socket, or a program that passes
/// commands on, such as libvirt.
public protocol QMPConnection: AnyObject, Sendable {
  /// Carries a command out, and waits for QEMU's answer.
  ///
  /// - Throws: `QMPError.refused`, `.timeout` and `.cancelled`; the connection goes on after these.
  ///   Any other error ends the connection.
  func execute<Command: QMPCommand>(
    _ command: Command, timeout: Duration
  ) async throws(QMPError) -> Command.Response

  /// Carries out a command that a descriptor goes with, such as `getfd`.
  ///
  /// - Parameters:
  ///   - command: the command with its arguments.
  ///   - descriptor: stays the caller's; QEMU gets a duplicate.
  ///   - timeout: the time for the answer.
  /// - Throws: as the other `execute`; `QMPError.invalid` when the connection passes no descriptors.
  func execute<Command: QMPCommand>(
    _ command: Command, passing descriptor: borrowing OwnedFileDescriptor, timeout: Duration
  ) async throws(QMPError) -> Command.Response

  /// QEMU's events from now on, until the connection's end. A connection that gets no events
  /// returns a sequence without elements. This sequence also ends with the connection.
  func events() -> AsyncStream<QMPEvent>

  /// The process that serves the connection, when the kernel tells.
  var server: Int32? { get }

  /// Why the connection has ended; `nil` while it has not.
  var failure: QMPError? { get }

  /// Closes the connection, and returns when nothing of it is left.
  func close() async
}

extension QMPClient: QMPConnection {}

extension QMPConnection {
  /// `nil`: it is unknown.
  public var server: Int32? { nil }

  /// Refuses: the connection passes no descriptors.
  public func execute<Command: QMPCommand>(
    _ command: Command, passing descriptor: borrowing OwnedFileDescriptor, timeout: Duration
  ) async throws(QMPError) -> Command.Response {
    throw .invalid(object: Command.name, reason: "this connection passes no descriptors to QEMU")
  }
}

/// Makes connections to one guest: the first one, and another after each end.
public protocol QMPConnector: Sendable {
  /// Looks for the guest and connects.
  ///
  /// - Throws: `QMPUnavailable`, the reason why there is no connection now. The caller asks again
  ///   later.
  func connect() async throws(QMPUnavailable) -> any QMPConnection
}

/// Connects to a QMP socket.
struct SocketConnector: QMPConnector {
  let path: String
  /// The process that must serve the socket, when another process named the path.
  var server: RunningProcess?
  /// The time for the greeting. QEMU greets within milliseconds, so a longer wait means that
  /// another client is connected.
  var patience: Duration = .seconds(2)

  func connect() async throws(QMPUnavailable) -> any QMPConnection {
    do {
      return try await QMPClient(path: path, servedBy: server, timeout: patience)
    } catch {
      throw QMPUnavailable(error, path: path)
    }
  }
}
