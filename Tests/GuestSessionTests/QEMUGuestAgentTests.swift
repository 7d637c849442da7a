// SPDX-License-Identifier: Apache-2.0

import CLinux
import Foundation
import GuestSession
import LinuxSystem
import TestSupport
import Testing

/// Agents that do not do what they should. SecureGuestTests has a real one.
@Suite(.timeLimit(.minutes(5))) struct QEMUGuestAgentTests {
  /// Serves one client as the port of an agent does, on a thread.
  ///
  /// - Parameter answers: gets each line of the client's.
  private func shutDown(
    timeout: Duration = .seconds(20), _ answers: @escaping @Sendable (String) -> [[UInt8]]
  ) async throws {
    try await TestFolder.during { folder in
      let path = "\(folder)/agent"
      let listener = OwnedFileDescriptor(owning: Int32(vgpu_unix_socket()))
      let place = try OwnedFileDescriptor.open(folder, flags: O_RDONLY | O_DIRECTORY)
      var file = vgpu_file()
      try #require(
        vgpu_unix_listen(listener.rawValue, place.rawValue, path, "agent", &file) == 0)
      _ = vgpu_fcntl(listener.rawValue, F_SETFL, 0)
      let number = listener.release()
      let server = Thread {
        let client = Int32(vgpu_accept(number))
        close(number)
        defer { close(client) }
        _ = vgpu_fcntl(client, F_SETFL, 0)
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while recv(client, &byte, 1, 0) == 1 {
          line.append(byte)
          guard byte == 0x0A else { continue }
          for answer in answers(String(decoding: line, as: UTF8.self)) {
            guard send(client, answer, answer.count, Int32(MSG_NOSIGNAL)) > 0 else {
              return
            }
          }
          line = []
        }
      }
      server.start()
      try await onThread(for: "agent", failing: GuestError.system) { () throws(GuestError) in
        try QEMUGuestAgent.shutDown(at: path, timeout: timeout)
      }
    }
  }

  private static func number(_ line: String) -> String {
    String(line.drop { $0 != ":" }.filter(\.isNumber))
  }

  @Test func agentThatObeysIsSilent() async throws {
    try await shutDown { line in
      guard line.contains("guest-sync-delimited") else { return [] }
      // What another client has left, and the answer in two parts.
      return [
        Array("{\"return\": 1}\n{\"ret".utf8), [0xFF], Array("{\"return\": 77}\n".utf8),
        Array("{\"return\": \(Self.number(line))}\n".utf8),
      ]
    }
  }

  @Test func refusalIsShownSafely() async throws {
    let error = await #expect(throws: GuestError.self) {
      try await shutDown { line in
        line.contains("guest-sync-delimited")
          ? [[0xFF] + Array("{\"return\": \(Self.number(line))}\n".utf8)]
          : [Array("{\"error\": {\"class\": \"c\", \"desc\": \"no\\u001b[2Jway\"}}\n".utf8)]
      }
    }
    let text = try #require(error).description
    #expect(text.hasPrefix("the guest's agent: it refuses: no") && text.hasSuffix("[2Jway"))
    #expect(!text.contains("\u{1B}"))
  }

  @Test func silenceEnds() async throws {
    let error = await #expect(throws: GuestError.self) {
      try await shutDown(timeout: .milliseconds(300)) { _ in [] }
    }
    #expect("\(String(describing: error))".contains("does not answer"))
  }

  /// An agent that never ends a line, or only writes other lines, is given up before the time is over.
  @Test(arguments: ["x", "{\"return\": 0}\n"]) func floodsEnd(text: String) async throws {
    let flood = [0xFF] + Array(String(repeating: text, count: 100_000).utf8)
    let error = await #expect(throws: GuestError.self) {
      try await shutDown(timeout: .seconds(200)) { _ in [flood] }
    }
    #expect("\(String(describing: error))".contains("more than 64 KiB"))
  }

  @Test func portWithoutAServerIsAnError() throws {
    let error = try #require(throws: GuestError.self) {
      try QEMUGuestAgent.shutDown(at: "/no/agent", timeout: .seconds(1))
    }
    #expect("\(error)" == "/no/agent: connect: No such file or directory")
  }

  @Test func answersAreRead() {
    func answer(_ text: String) -> AgentAnswer { AgentAnswer(Array(text.utf8)) }
    #expect(answer("{\"return\": 5}") == .number(5))
    #expect(answer("{\"return\": {}}") == .other && answer("{\"return\": 1e99}") == .other)
    #expect(answer("") == .other && answer("[") == .other && answer("{\"error\": 3}") == .other)
    #expect(answer("{\"error\": {}}") == .refusal("without a reason"))
    #expect(answer(String(repeating: "[", count: 60_000)) == .other)
  }
}
