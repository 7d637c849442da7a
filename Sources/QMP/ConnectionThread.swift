// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// Where QEMU is to be found.
enum Endpoint: Sendable {
  /// A Unix socket's path, and who must serve it, if that is known.
  case path(String, servedBy: RunningProcess?)
  /// A connected socket, which whoever takes the endpoint closes.
  case socket(Int32)

  /// For an endpoint that nobody takes.
  func close() {
    if case .socket(let fd) = self { _ = OwnedFileDescriptor(owning: fd) }
  }

  /// socket(2), a Unix stream that does not block.
  static func makeSocket(_ path: String) throws(SystemCallError) -> OwnedFileDescriptor {
    let fd = try SystemCall.make("socket", on: path) { vgpu_unix_socket() }
    return OwnedFileDescriptor(owning: Int32(fd))
  }

  /// connect(2).
  ///
  /// - Returns: false when QEMU's queue of clients is full (EAGAIN); try again later.
  static func connect(
    _ fd: Int32, to path: String, servedBy server: RunningProcess?
  ) throws(SystemCallError) -> Bool {
    do {
      try SystemCall.make("connect", on: path) { vgpu_unix_connect(fd, path) }
    } catch {
      if error.errno == .resourceTemporarilyUnavailable { return false }
      throw error.advisedForQMP
    }
    if let server { try check(fd, path, isServedBy: server) }
    return true
  }

  /// SO_PEERCRED: who has called listen(2). A command line can name a socket of another guest's.
  private static func check(
    _ fd: Int32, _ path: String, isServedBy server: RunningProcess
  ) throws(SystemCallError) {
    var user: UInt32 = 0
    var group: UInt32 = 0
    var process: Int32 = 0
    try SystemCall.make("getsockopt(SO_PEERCRED)", on: path) {
      vgpu_peer(fd, &user, &group, &process)
    }
    // The number is the server's own as long as it has not ended.
    guard process == server.pid, !server.hasEnded else {
      throw SystemCallError(
        call: "connect", object: path, errno: .permissionDenied,
        remedy: "process \(process) serves it, and not process \(server.pid), which names it")
    }
  }
}

/// The thread that owns a connection's socket: it alone reads and closes it, and writes what callers
/// could not write at once. A thread and not a task, because poll(2) would block one of the few that
/// tasks share.
struct ConnectionThread {
  private let connection: Connection

  /// - Returns: why there is no thread; `nil` when there is one, which closes the endpoint.
  static func start(_ connection: Connection, _ endpoint: Endpoint) -> QMPError? {
    do throws(SystemCallError) {
      try SystemThread.detach(for: connection.name) {
        ConnectionThread(connection: connection).run(endpoint)
      }
      return nil
    } catch {
      return .system(error)
    }
  }

  private func run(_ endpoint: Endpoint) {
    do {
      try serve(connected(endpoint))
    } catch {
      connection.end(error)
    }
    connection.threadHasEnded()
  }

  private func connected(_ endpoint: Endpoint) throws(QMPError) -> OwnedFileDescriptor {
    switch endpoint {
    case .socket(let fd): return OwnedFileDescriptor(owning: fd)
    case .path(let path, let server):
      do throws(SystemCallError) {
        return try connected(path, servedBy: server)
      } catch {
        throw .system(error)
      }
    }
  }

  private func connected(
    _ path: String, servedBy server: RunningProcess?
  ) throws(SystemCallError) -> OwnedFileDescriptor {
    let socket = try Endpoint.makeSocket(path)
    while try !Endpoint.connect(socket.rawValue, to: path, servedBy: server),
      !connection.hasEnded
    {
      wait(for: nil, milliseconds: 20)
      connection.expire()
    }
    return socket
  }

  private func serve(_ socket: consuming OwnedFileDescriptor) {
    var reader = MessageReader(limit: connection.limits.message)
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    connection.serve(socket.rawValue)
    while !connection.hasEnded {
      let isReadable = wait(for: socket.rawValue, milliseconds: millisecondsToDeadline)
      connection.expire()
      connection.sendOutgoing()
      if isReadable { receive(from: socket.rawValue, into: &buffer, &reader) }
    }
    connection.serve(nil)
    // Closed here and no sooner.
    _ = consume socket
  }

  private var millisecondsToDeadline: Int32 {
    guard let deadline = connection.nextDeadline else { return -1 }
    // A millisecond more, so that it is over when the wait is.
    let milliseconds = deadline.seconds(since: .now) * 1000 + 1
    return Int32(min(max(milliseconds, 0), 3_600_000))
  }

  /// poll(2) on the socket, if there is one yet, and on the wakeup.
  ///
  /// - Returns: whether there is something to read, if only the end.
  @discardableResult
  private func wait(for socket: Int32?, milliseconds: Int32) -> Bool {
    let events = connection.hasOutgoing ? POLLIN | POLLOUT : POLLIN
    // poll(2) skips what is below zero.
    var polled = [
      pollfd(fd: connection.wakeup.rawValue, events: Int16(POLLIN), revents: 0),
      pollfd(fd: socket ?? -1, events: Int16(events), revents: 0),
    ]
    guard poll(&polled, 2, milliseconds) > 0 else { return false }
    if polled[0].revents != 0 {
      var count: eventfd_t = 0
      _ = eventfd_read(connection.wakeup.rawValue, &count)
    }
    return Int32(polled[1].revents) & ~POLLOUT != 0
  }

  private func receive(
    from socket: Int32, into buffer: inout [UInt8], _ reader: inout MessageReader
  ) {
    let count = buffer.withUnsafeMutableBytes { bytes in
      SystemCall.uninterrupted { vgpu_receive(socket, bytes.baseAddress, bytes.count) }
    }
    if count < 0, SystemCall.errno(count) == .resourceTemporarilyUnavailable { return }
    guard count > 0 else {
      connection.end(.disconnected(object: connection.name))
      return
    }
    reader.append(buffer[..<count])
    do throws(MessageReader.Defect) {
      while !connection.hasEnded, let message = try reader.next() { connection.receive(message) }
    } catch {
      switch error {
      case .noObject:
        connection.end(.malformed(object: connection.name, reason: "no JSON object"))
      case .tooDeep:
        connection.end(
          .malformed(
            object: connection.name, reason: "more than \(MessageReader.deepest) levels"))
      case .tooLong:
        connection.end(.tooLarge(object: connection.name, limit: connection.limits.message))
      }
    }
  }
}
