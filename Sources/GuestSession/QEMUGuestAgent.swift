// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import JSONText
import LinuxSystem
import SafeText
import SystemPackage

/// qemu-guest-agent in a guest (docs/interop/qemu-ga-ref of QEMU's): one JSON object a line, over the
/// port `org.qemu.guest_agent.0`. Whatever the guest answers is held to a time and to a size.
package enum QEMUGuestAgent {
  /// Why an agent may be silent.
  private static let absence = """
    it is not installed in the guest or not started (qemu-guest-agent), has ended already, or another \
    program has its port
    """

  /// The most bytes that the agent may send before an answer is complete.
  static let limit = 1 << 16

  /// Asks the agent to shut the guest's system down. An agent that does so answers nothing.
  ///
  /// - Parameters:
  ///   - path: the port's socket.
  ///   - timeout: the time for everything.
  /// - Throws: `GuestError.agent` when no agent answers, or the agent refuses; `.system`.
  package static func shutDown(at path: String, timeout: Duration) throws(GuestError) {
    let deadline = MonotonicInstant.now.advanced(by: timeout)
    let socket: OwnedFileDescriptor
    do {
      socket = try connect(to: path)
    } catch {
      throw .system(error)
    }
    // The agent may still answer an earlier client. Its answer to this one begins after a byte that
    // no JSON contains, and has this number (guest-sync-delimited).
    let number = Int.random(in: 1...0x7FFF_FFFF)
    let synchronize = #"{"execute":"guest-sync-delimited","arguments":{"id":\#(number)}}"#
    try send([AgentReader.mark] + Array("\(synchronize)\n".utf8), to: socket, until: deadline)
    var reader = AgentReader()
    while true {
      guard let line = try line(from: socket, &reader, until: deadline) else {
        throw .agent("it does not answer: \(absence)")
      }
      if case .number(number) = AgentAnswer(line) { break }
    }
    try send(
      Array(#"{"execute":"guest-shutdown","arguments":{"mode":"powerdown"}}"#.utf8) + [0x0A],
      to: socket, until: deadline)
    // It has this long to refuse.
    let patience = min(deadline, MonotonicInstant.now.advanced(by: .seconds(2)))
    reader.isSynchronized = true
    while let line = try line(from: socket, &reader, until: patience) {
      if case .refusal(let reason) = AgentAnswer(line) { throw .agent("it refuses: \(reason)") }
    }
  }

  private static func connect(to path: String) throws(SystemCallError) -> OwnedFileDescriptor {
    let socket = try UnixSocket.make(for: path)
    let number = socket.rawValue
    try SystemCall.make("connect", on: path) { vgpu_unix_connect(number, path) }
    return socket
  }

  private static func send(
    _ bytes: [UInt8], to socket: borrowing OwnedFileDescriptor, until deadline: MonotonicInstant
  ) throws(GuestError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { vgpu_send(socket.rawValue, $0.baseAddress, $0.count) }
      if count > 0 {
        rest = rest.dropFirst(count)
        continue
      }
      guard count == 0 || SystemCall.errno(count) == .resourceTemporarilyUnavailable else {
        throw .agent("its port is gone: \(SystemCall.errno(count))")
      }
      guard wait(for: POLLOUT, socket, until: deadline) else {
        throw .agent("it takes nothing: \(absence)")
      }
    }
  }

  /// The agent's next line; `nil` when there is none in time, and at the end of the connection.
  private static func line(
    from socket: borrowing OwnedFileDescriptor, _ reader: inout AgentReader,
    until deadline: MonotonicInstant
  ) throws(GuestError) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      if let line = reader.line() { return line }
      guard reader.taken <= limit else {
        throw .agent("it sends more than \(limit >> 10) KiB without an answer")
      }
      guard wait(for: POLLIN, socket, until: deadline) else { return nil }
      let count = buffer.withUnsafeMutableBytes {
        vgpu_receive(socket.rawValue, $0.baseAddress, $0.count)
      }
      if count > 0 {
        reader.take(buffer[..<count])
      } else if count == 0 || SystemCall.errno(count) != .resourceTemporarilyUnavailable {
        return nil
      }
    }
  }

  private static func wait(
    for events: Int32, _ socket: borrowing OwnedFileDescriptor, until deadline: MonotonicInstant
  ) -> Bool {
    while true {
      let now = MonotonicInstant.now
      guard now < deadline else { return false }
      let (seconds, attoseconds) = now.duration(to: deadline).components
      // Rounded up, because a wait of 0 ms would not wait.
      let milliseconds =
        min(seconds, 3600) * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
      var entry = pollfd(fd: socket.rawValue, events: Int16(events), revents: 0)
      if poll(&entry, 1, Int32(milliseconds)) > 0 { return true }
    }
  }
}

/// Cuts an agent's bytes into lines.
package struct AgentReader {
  /// The byte before the answer to `guest-sync-delimited`.
  package static let mark: UInt8 = 0xFF

  /// Whether the mark was found. Bytes before it belong to somebody else.
  package var isSynchronized = false
  /// How many bytes were taken so far.
  package private(set) var taken = 0
  private var bytes: [UInt8] = []

  package init() {}

  /// Takes what was received.
  package mutating func take(_ received: ArraySlice<UInt8>) {
    taken += received.count
    var received = received
    if !isSynchronized {
      guard let mark = received.firstIndex(of: Self.mark) else { return }
      isSynchronized = true
      received = received[(mark + 1)...]
    }
    bytes += received
  }

  /// The next complete line, without its end; `nil` when there is none yet.
  package mutating func line() -> [UInt8]? {
    guard let end = bytes.firstIndex(of: 0x0A) else { return nil }
    defer { bytes.removeFirst(end + 1) }
    return Array(bytes[..<end])
  }
}

/// An agent's answer, as far as it matters here.
package enum AgentAnswer: Equatable {
  /// `return` with a number.
  case number(Int)
  /// `error`, whose text is safe to show.
  case refusal(String)
  /// Anything else.
  case other

  private struct Message: Decodable {
    struct Refusal: Decodable { let desc: String? }
    let number: Int?
    let error: Refusal?

    private enum CodingKeys: String, CodingKey {
      case number = "return"
      case error
    }

    init(from decoder: any Decoder) throws {
      let members = try decoder.container(keyedBy: CodingKeys.self)
      number = try? members.decode(Int.self, forKey: .number)
      error = try members.decodeIfPresent(Refusal.self, forKey: .error)
    }
  }

  /// Reads a line.
  package init(_ line: [UInt8]) {
    guard let message = try? JSON.decode(Message.self, from: line) else {
      self = .other
      return
    }
    if let error = message.error {
      self = .refusal(PlainText.line(error.desc ?? "without a reason"))
    } else if let number = message.number {
      self = .number(number)
    } else {
      self = .other
    }
  }
}
