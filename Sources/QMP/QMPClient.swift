// SPDX-License-Identifier: Apache-2.0

import JSONText
public import LinuxSystem

/// A connection to QEMU's machine protocol (docs/interop/qmp-spec in QEMU's sources), ready for
/// commands.
///
/// Any number of tasks may use it at once; an id connects each answer with its command. No function
/// blocks its caller's thread. The connection ends with `close()`, with the last reference to the
/// client, or when QEMU ends it. Every command that still waits then throws the reason.
public final class QMPClient: Sendable {
  /// The QEMU's version, from its greeting.
  public let version: QMPVersion
  private let connection: Connection

  /// Connects to the socket that QEMU was given as `-qmp unix:PATH,server=on,wait=off`.
  ///
  /// - Parameters:
  ///   - path: the socket's path, 107 bytes at most.
  ///   - server: the process that must serve the socket (SO_PEERCRED). Give it when the path comes
  ///     from another process.
  ///   - timeout: the time for connecting and the greeting together, and the same time again for
  ///     the negotiation.
  ///   - limits: the most that the connection holds in memory.
  /// - Throws: `QMPError.system` when nothing listens on the socket, with EACCES when another
  ///   process than `server` listens; `.timeout` when the greeting does not come, because another
  ///   client is connected; `.malformed`, `.disconnected`, `.cancelled`.
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

  /// Takes a socket that is already connected to QEMU, such as one end of a socketpair(2).
  ///
  /// - Parameters:
  ///   - socket: a connected stream socket. The client owns the descriptor and closes it.
  ///   - name: the connection's name in errors.
  ///   - timeout: the time for the greeting, and the same time again for the negotiation.
  ///   - limits: the most that the connection holds in memory.
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

  /// The process that serves the socket, when the kernel tells (SO_PEERCRED): QEMU, as a rule.
  public var server: Int32? { connection.server }

  /// Sends a command and waits for QEMU's answer.
  ///
  /// - Parameters:
  ///   - command: the command with its arguments.
  ///   - timeout: the time for the answer. QEMU may still carry the command out after it.
  /// - Throws: `QMPError.refused` when QEMU refuses; `.timeout`; `.cancelled`. After these three
  ///   the connection goes on. `.malformed` when the answer is of another type. When the connection
  ///   has ended, the error of `failure`.
  @discardableResult
  public func execute<Command: QMPCommand>(
    _ command: Command, timeout: Duration = .seconds(10)
  ) async throws(QMPError) -> Command.Response {
    try await execute(
      Command.name, arguments: command, timeout: timeout, as: Command.Response.self)
  }

  /// Sends a command together with a descriptor (SCM_RIGHTS), such as `getfd`.
  ///
  /// - Parameters:
  ///   - command: the command with its arguments.
  ///   - descriptor: stays the caller's; QEMU gets a duplicate.
  ///   - timeout: see the other `execute`.
  /// - Throws: as the other `execute` does; `QMPError.system` when there are no more descriptors.
  @discardableResult
  public func execute<Command: QMPCommand>(
    _ command: Command, passing descriptor: borrowing OwnedFileDescriptor,
    timeout: Duration = .seconds(10)
  ) async throws(QMPError) -> Command.Response {
    let passed: Connection.PassedDescriptor
    do {
      passed = Connection.PassedDescriptor(try descriptor.duplicate(of: connection.name))
    } catch {
      throw .system(error)
    }
    return try await execute(
      Command.name, arguments: command, passing: passed, timeout: timeout, as: Command.Response.self
    )
  }

  /// Sends a command that has no type here.
  ///
  /// - Parameters:
  ///   - name: the command's name in QEMU's QMP reference, such as `query-kvm`.
  ///   - arguments: an object, or `nil` for none.
  ///   - timeout: see the other `execute`.
  /// - Returns: the value of QEMU's `return`.
  /// - Throws: as the other `execute` does.
  @discardableResult
  public func execute(
    _ name: String, arguments: JSONValue? = nil, timeout: Duration = .seconds(10)
  ) async throws(QMPError) -> JSONValue {
    try await execute(name, arguments: arguments, timeout: timeout, as: JSONValue.self)
  }

  /// The events from now on, until the connection ends. Every call makes a new sequence.
  public func events() -> AsyncStream<QMPEvent> { connection.events() }

  /// Ends the connection, and returns when its socket is closed.
  public func close() async {
    connection.end(.closed(object: connection.name))
    await connection.waitForThread()
  }

  private func execute<Response: Decodable & Sendable>(
    _ name: String, arguments: (some Encodable)?,
    passing descriptor: Connection.PassedDescriptor? = nil,
    timeout: Duration, as type: Response.Type
  ) async throws(QMPError) -> Response {
    let id = connection.nextID()
    let request = try Self.encode(
      Request(execute: name, arguments: arguments, id: id), connection.name)
    return try await connection.answer(
      to: request, id: id, command: name, passing: descriptor, timeout: timeout, as: Response.self)
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

/// The most that a connection holds in memory.
public struct QMPLimits: Hashable, Sendable {
  /// The longest message from QEMU, in bytes. A longer message ends the connection.
  public var message = 16 << 20
  /// The most bytes that may wait until QEMU takes them.
  public var outgoing = 16 << 20
  /// The most events that wait for a reader. When there are more, the oldest are dropped.
  public var events = 256

  /// The limits that suit QEMU.
  public init() {}
}
