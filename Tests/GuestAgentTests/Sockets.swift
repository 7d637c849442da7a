// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Synchronization
import TestSupport

@testable import GuestAgent

/// The other end of a connection, which a test plays.
final class ScriptedAgent: Sendable {
  private let fd: Int32
  let layout: AgentLayout
  private let reader = Mutex((AgentStreamReader(), [UInt8]()[...]))

  /// Two connected sockets.
  static func pair() -> (Int32, Int32) {
    var ends: [Int32] = [0, 0]
    _ = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends)
    return (ends[0], ends[1])
  }

  init(_ fd: Int32, _ capabilities: AgentCapabilities) {
    self.fd = fd
    layout = AgentLayout(capabilities)
  }

  deinit { _ = Glibc.close(fd) }

  /// Ends the connection. The descriptor stays open while anybody has this object: another thread may be
  /// about to use the number, which the process could have given to another file by then.
  func close() { _ = shutdown(fd, Int32(SHUT_RDWR)) }

  /// - Returns: whether the other end took all of it.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(fd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  /// As a Linux agent does: a message is a chunk, however long.
  @discardableResult
  func send(_ message: AgentMessage) -> Bool {
    let (kind, fields, content) = message.encoded(layout)
    var writer = LittleEndianWriter()
    writer.u32(1)
    writer.u32(UInt32(20 + fields.count + content.count))
    writer.u32(1)
    writer.u32(kind)
    writer.u64(0)
    writer.u32(UInt32(fields.count + content.count))
    return send(writer.bytes + fields + content)
  }

  /// The next message; `nil` at the end, and when none comes in a minute.
  func receive() -> AgentMessage? {
    reader.withLock { state in
      while true {
        if let item = try? state.0.next(&state.1, keeps: { _, _ in true }) {
          guard case .message(let kind, let body) = item else { continue }
          return AgentMessage(kind, body, layout)
        }
        var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, 200_000) > 0 else { return nil }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(fd, &buffer, buffer.count, 0)
        guard count > 0 else { return nil }
        state.1 = buffer[..<count]
      }
    }
  }

  /// The next message of a kind.
  func receive(where isWanted: (AgentMessage) -> Bool) -> AgentMessage? {
    while let message = receive() {
      if isWanted(message) { return message }
    }
    return nil
  }

  /// Says who it is, and waits for the host's answer.
  func announce(_ capabilities: AgentCapabilities) {
    send(.capabilities(capabilities, isRequest: true))
    _ = receive { if case .capabilities(_, isRequest: false) = $0 { true } else { false } }
  }
}

/// What happened at a client's agent, in words.
final class EventLog: Sendable {
  private let lines = Mutex<[AgentEvent]>([])
  func add(_ event: AgentEvent) { lines.withLock { $0.append(event) } }
  var events: [AgentEvent] { lines.withLock(\.self) }
}
