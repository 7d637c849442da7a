// SPDX-License-Identifier: Apache-2.0

import JSONText
public import LinuxSystem

/// A connection to QEMU's machine protocol (docs/interop/qmp-spec in QEMU's sources), ready for
/// commands.
///
/// Any number of tasks may use it at once; answers find their commands by id. No function blocks
/// its caller's thread. The connection ends with `close()`, with the last reference to the client,
/// or when QEMU ends it; every command that still waits then throws the reason.
public final class QMPClient: Sendable {
  /// Which QEMU this is, as its greeting says.
  public let version: QMPVersion
  private let connection: Connection

  /// Connects to the socket that QEMU was given as `-qmp unix:PATH,server=on,wait=off`.
  ///
  /// - Parameters:
  ///   - path: 107 bytes at most.
  ///   - server: the process that must serve the socket, when another process has named the path: who
  ///     does is known by SO_PEERCRED.
  ///   - timeout: for connecting and for the greeting together, and then again for the negotiation.
  ///   - limits: how much is held at most.
  /// - Throws: `QMPError.system` when nothing listens there, with EACCES when another process than
  ///   `server` does; `.timeout` when the greeting does not
  ///   come, because another client is connected; `.malformed`, `.disconnected`, `.cancelled`.
  public convenience init(
    path: String, servedBy server: RunningProcess? = nil, timeout: Duration = .seconds(5),
    limits: QMPLimits = QMPLimits()
  ) async throws(QMPError) {
    guard (1...107).contains(path.utf8.count), !path.utf8.contains(0) else {
      throw .invalid(object: path, reason: "not a socket's path: give 1 to 107 bytes")
    }
    let connection = try Connection(name: path, limits: limits)
    try await self.init(connection, .path(path, servedBy: server), timeout: timeout)
  }

  /// Takes a socket that is connected to QEMU already, such as one end of a socketpair(2).
  ///
  /// - Parameters:
  ///   - socket: a connected stream socket, which the client closes.
  ///   - name: what errors call it.
  ///   - timeout: for the greeting, and then again for the negotiation.
  ///   - limits: how much is held at most.
  /// - Throws: as `init(path:)` does.
  public convenience init(
    owning socket: consuming OwnedFileDescriptor, name: String, timeout: Duration = .seconds(5),
    limits: QMPLimits = QMPLimits()
  ) async throws(QMPError) {
    let connection = try Connection(name: name, limits: limits)
    try await self.init(connection, .socket(socket.release()), timeout: timeout)
  }

  private init(
    _ connection: Connection, _ endpoint: Endpoint, timeout: Duration
  ) async throws(QMPError) {
    self.connection = connection
    do {
      version = try await connection.greeting(endpoint, timeout: timeout)
      let id = connection.nextID()
      let request = try Self.encode(
        Request(execute: Capabilities.name, arguments: Capabilities(), id: id), connection.name)
      _ = try await connection.answer(
        to: request, id: id, command: Capabilities.name, timeout: timeout, as: NoResponse.self)
    } catch {
      connection.end(error)
      await connection.waitForThread()
      throw error
    }
  }

  deinit { connection.end(.closed(object: connection.name)) }

  /// Why the connection has ended; `nil` while it has not.
  public var failure: QMPError? { connection.failure }

  /// Sends a command and waits for QEMU's answer.
  ///
  /// - Parameters:
  ///   - command: with its arguments.
  ///   - timeout: QEMU may still carry the command out after it.
  /// - Throws: `QMPError.refused` when QEMU says no; the connection goes on. `.timeout` and
  ///   `.cancelled`, after which it goes on too. `.malformed` when the answer is of another type.
  ///   When the connection has ended, the error of `failure`.
  @discardableResult
  public func execute<Command: QMPCommand>(
    _ command: Command, timeout: Duration = .seconds(10)
  ) async throws(QMPError) -> Command.Response {
    try await execute(
      Command.name, arguments: command, timeout: timeout, as: Command.Response.self)
  }

  /// Sends a command that has no type here.
  ///
  /// - Parameters:
  ///   - name: as in QEMU's QMP reference, such as `query-kvm`.
  ///   - arguments: an object, or `nil` for none.
  ///   - timeout: as with the other `execute`.
  /// - Returns: what stands in QEMU's `return`.
  /// - Throws: as the other `execute` does.
  @discardableResult
  public func execute(
    _ name: String, arguments: JSONValue? = nil, timeout: Duration = .seconds(10)
  ) async throws(QMPError) -> JSONValue {
    try await execute(name, arguments: arguments, timeout: timeout, as: JSONValue.self)
  }

  /// The events from now on, until the connection ends. Every call makes a sequence of its own.
  public func events() -> AsyncStream<QMPEvent> { connection.events() }

  /// Ends the connection, and returns when its socket is closed.
  public func close() async {
    connection.end(.closed(object: connection.name))
    await connection.waitForThread()
  }

  private func execute<Response: Decodable & Sendable>(
    _ name: String, arguments: (some Encodable)?, timeout: Duration, as type: Response.Type
  ) async throws(QMPError) -> Response {
    let id = connection.nextID()
    let request = try Self.encode(
      Request(execute: name, arguments: arguments, id: id), connection.name)
    return try await connection.answer(
      to: request, id: id, command: name, timeout: timeout, as: Response.self)
  }

  private static func encode(
    _ request: some Encodable, _ object: String
  ) throws(QMPError) -> [UInt8] {
    do {
      return try JSON.encode(request) + [0x0A]
    } catch {
      throw .invalid(object: object, reason: "JSON cannot express it: \(JSON.reason(error))")
    }
  }
}

/// How much a connection holds at most.
public struct QMPLimits: Hashable, Sendable {
  /// The longest message from QEMU, in bytes; the connection ends when one is longer.
  public var message = 16 << 20
  /// The bytes that may wait for QEMU to take them.
  public var outgoing = 16 << 20
  /// The events that wait for a reader; beyond them the oldest are left out.
  public var events = 256

  /// The limits that suit QEMU.
  public init() {}
}
