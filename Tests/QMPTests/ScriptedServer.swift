// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import QMP
import Synchronization

/// The other end of a connection, which does what a test's script says, on a thread of its own.
final class ScriptedServer: Sendable {
  static let greeting = """
    {"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}, "package": "Debian"}, \
    "capabilities": ["oob"]}}
    """

  /// What a script works on.
  final class Wire {
    private let socket: Int32
    private var buffer: [UInt8] = []

    init(_ socket: Int32) { self.socket = socket }

    func send(_ text: String) { send([UInt8](text.utf8)) }

    func send(_ bytes: [UInt8]) {
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes {
          Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        guard count > 0 else { return }
        rest = rest.dropFirst(count)
      }
    }

    func sendLine(_ text: String) { send(text + "\r\n") }

    /// `nil` when the client has closed.
    func line() -> String? {
      while true {
        if let end = buffer.firstIndex(of: 10) {
          defer { buffer.removeFirst(end + 1) }
          return String(decoding: buffer[..<end], as: UTF8.self)
        }
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = recv(socket, &chunk, chunk.count, 0)
        guard count > 0 else { return nil }
        buffer += chunk[..<count]
      }
    }

    /// The next command: its name, its id and its whole text.
    func command() -> (name: String, id: Int, text: String)? {
      guard let line = line(),
        let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        let name = object["execute"] as? String, let id = object["id"] as? Int
      else { return nil }
      return (name, id, line)
    }

    func greet() {
      sendLine(ScriptedServer.greeting)
      guard let capabilities = command(), capabilities.name == "qmp_capabilities" else { return }
      sendLine(#"{"return": {}, "id": \#(capabilities.id)}"#)
    }
  }

  private let end: Int32
  private let isDone = DispatchSemaphore(value: 0)

  /// Both ends, of which the script has one.
  init(_ script: @escaping @Sendable (Wire) -> Void) {
    var ends: [Int32] = [0, 0]
    _ = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends)
    end = ends[0]
    let (other, isDone) = (ends[1], isDone)
    Thread.detachNewThread {
      script(Wire(other))
      close(other)
      isDone.signal()
    }
  }

  /// A client of the script, which `body` has for as long as it takes.
  static func with(
    limits: QMPLimits = QMPLimits(), script: @escaping @Sendable (Wire) -> Void,
    body: (QMPClient) async throws -> Void
  ) async throws {
    let server = ScriptedServer { wire in
      wire.greet()
      script(wire)
    }
    let client = try await server.client(limits: limits)
    do {
      try await body(client)
      await client.close()
    } catch {
      await client.close()
      throw error
    }
  }

  func client(
    timeout: Duration = .seconds(5), limits: QMPLimits = QMPLimits()
  ) async throws(QMPError) -> QMPClient {
    try await QMPClient(
      owning: OwnedFileDescriptor(owning: end), name: "test", timeout: timeout, limits: limits)
  }
}
