// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// The place where QEMU serves QMP.
enum Endpoint: Sendable {
  /// A Unix socket's path, and the process that must serve the socket, if it is known.
  case path(String, servedBy: RunningProcess?)
  /// A connected socket. The thread that takes the endpoint owns the descriptor and closes it.
  case socket(Int32)

  /// Closes the socket of an endpoint that no thread takes.
  func close() {
    if case .socket(let fd) = self { _ = OwnedFileDescriptor(owning: fd) }
  }

  /// Connects, to the process that must serve the socket.
  ///
  /// - Returns: false when QEMU's queue of clients is full (EAGAIN); the caller tries again later.
  static func connect(
    _ fd: Int32, to path: String, servedBy server: RunningProcess?
  ) throws(SystemCallError) -> Bool {
    do throws(SystemCallError) {
      guard try UnixSocket.connect(fd, to: path) else { return false }
    } catch {
      throw error.advisedForQMP
    }
    if let server { try UnixSocket.check(fd, path, isServedBy: server) }
    return true
  }

  /// The process that serves a connected socket; `nil` when the kernel does not tell, and for this
  /// process's own socket pairs.
  static func server(_ fd: Int32) -> Int32? {
    guard let process = try? UnixSocket.listener(of: fd, ""), process > 0, process != getpid()
    else {
      return nil
    }
    return process
  }
}

/// The thread that owns a connection's socket. Only this thread reads and closes the socket; it
/// also writes the bytes that callers could not write at once. It is a thread and not a task,
/// because poll(2) would block one of the few threads that tasks share.
struct ConnectionThread {
  private let connection: Connection

  /// - Returns: why the thread did not start; `nil` when it started. A started thread closes the
  ///   endpoint.
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
    let socket = try UnixSocket.make(for: path)
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
    // Keeps the socket open until here: callers may have sent on it until the line above.
    _ = consume socket
  }

  private var millisecondsToDeadline: Int32 {
    guard let deadline = connection.nextDeadline else { return -1 }
    // One millisecond more, so that the deadline has passed when poll(2) returns.
    let milliseconds = deadline.seconds(since: .now) * 1000 + 1
    return Int32(min(max(milliseconds, 0), 3_600_000))
  }

  /// Waits with poll(2) for the wakeup and for the socket, if there is one yet.
  ///
  /// - Returns: whether the socket has something to read; the end of the connection counts.
  @discardableResult
  private func wait(for socket: Int32?, milliseconds: Int32) -> Bool {
    let events = connection.hasOutgoing ? POLLIN | POLLOUT : POLLIN
    // poll(2) skips negative descriptors.
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
