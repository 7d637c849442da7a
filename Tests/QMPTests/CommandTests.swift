// SPDX-License-Identifier: Apache-2.0

import Foundation
import QMP
import Synchronization
import Testing

/// Commands and their answers, with a QEMU that does what it wants.
@Suite(.timeLimit(.minutes(15))) struct CommandTests {
  private func error(_ body: () async throws -> Void) async -> QMPError? {
    do {
      try await body()
      return nil
    } catch {
      return error as? QMPError
    }
  }

  @Test func answerIsRead() async throws {
    try await ScriptedServer.with { wire in
      let command = wire.command()
      #expect(command?.name == "query-status")
      wire.sendLine(
        #"{"return": {"status": "running", "running": true}, "id": \#(command?.id ?? 0)}"#)
      _ = wire.line()
    } body: { client in
      let status = try await client.execute(QueryStatus())
      #expect(status.running && status.status == "running")
    }
  }

  @Test func answersFindTheirCommandsInAnyOrder() async throws {
    try await ScriptedServer.with { wire in
      let commands = (0..<50).compactMap { _ in wire.command() }
      // All in one piece.
      wire.send(
        commands.reversed()
          .map { #"{"id": \#($0.id), "return": "\#($0.name)"}"# + "\r\n" }.joined())
      _ = wire.line()
    } body: { client in
      try await withThrowingTaskGroup { group in
        for number in 0..<50 {
          group.addTask {
            let answer1 = try await client.execute("c\(number)")
            #expect(answer1 == .string("c\(number)"))
          }
        }
        try await group.waitForAll()
      }
    }
  }

  @Test func piecesAreJoined() async throws {
    try await ScriptedServer.with { wire in
      let id = wire.command()?.id ?? 0
      wire.send("\r\n\n")
      for byte in #"{"return": {"text": "Ä\n€😀"}, "id": \#(id)}"#.utf8 {
        wire.send([byte])
        usleep(200)
      }
      wire.send("\n")
      _ = wire.line()
    } body: { client in
      let answer2 = try await client.execute("x")
      #expect(answer2["text"] == "Ä\n€😀")
    }
  }

  @Test func longAnswersArrive() async throws {
    let text = String(repeating: "0123456789abcdef", count: (1 << 20) / 2)
    try await ScriptedServer.with { wire in
      wire.sendLine(#"{"return": "\#(text)", "id": \#(wire.command()?.id ?? 0)}"#)
      _ = wire.line()
    } body: { client in
      let answer3 = try await client.execute("x", timeout: .seconds(60))
      #expect(answer3 == .string(text))
    }
  }

  @Test func longCommandsAreSent() async throws {
    let text = String(repeating: "x", count: 1 << 20)
    try await ScriptedServer.with { wire in
      let command = wire.command()
      usleep(10_000)
      wire.sendLine(#"{"return": \#(command?.text.utf8.count ?? 0), "id": \#(command?.id ?? 0)}"#)
      _ = wire.line()
    } body: { client in
      let answer = try await client.execute(
        "x", arguments: ["text": .string(text)], timeout: .seconds(60))
      guard case .integer(let count) = answer else {
        Issue.record("\(answer)")
        return
      }
      #expect(count > 1 << 20)
    }
  }

  @Test func tooMuchIsRefused() async throws {
    var limits = QMPLimits()
    limits.outgoing = 1000
    limits.message = 1000
    try await ScriptedServer.with(limits: limits) { wire in
      let id = wire.command()?.id ?? 0
      wire.sendLine(#"{"return": "\#(String(repeating: "y", count: 2000))", "id": \#(id)}"#)
      while wire.line() != nil {}
    } body: { client in
      let text = JSONValue.string(String(repeating: "x", count: 2000))
      let sent = await error { try await client.execute("x", arguments: text) }
      #expect(sent == .tooLarge(object: "test", limit: 1000))
      #expect(client.failure == nil)
      let received = await error { try await client.execute("x") }
      #expect(received == .tooLarge(object: "test", limit: 1000))
      #expect(client.failure == received)
    }
  }

  @Test func refusalIsTyped() async throws {
    try await ScriptedServer.with { wire in
      for _ in 0..<2 {
        guard let command = wire.command() else { return }
        wire.sendLine(
          command.name == "bad"
            ? #"{"error": {"class": "CommandNotFound", "desc": "none"}, "id": \#(command.id)}"#
            : #"{"return": {}, "id": \#(command.id)}"#)
      }
      _ = wire.line()
    } body: { client in
      let refused = await error { try await client.execute("bad") }
      #expect(
        refused
          == .refused(
            object: "test", command: "bad", errorClass: "CommandNotFound", reason: "none"))
      // And the connection goes on.
      let answer4 = try await client.execute("good")
      #expect(answer4 == .object([:]))
    }
  }

  @Test func lateAnswerIsNobodys() async throws {
    try await ScriptedServer.with { wire in
      let first = wire.command()?.id ?? 0
      let second = wire.command()?.id ?? 0
      wire.sendLine(#"{"return": 1, "id": \#(first)}"#)
      wire.sendLine(#"{"return": 9, "id": 4711}"#)
      wire.sendLine(#"{"return": 2, "id": \#(second)}"#)
      _ = wire.line()
    } body: { client in
      let late = await error { try await client.execute("a", timeout: .milliseconds(100)) }
      #expect(late == .timeout(object: "test", command: "a", after: .milliseconds(100)))
      let answer5 = try await client.execute("b")
      #expect(answer5 == 2)
    }
  }

  @Test func waitingCanBeCancelled() async throws {
    try await ScriptedServer.with { wire in
      let first = wire.command()?.id ?? 0
      let second = wire.command()?.id ?? 0
      wire.sendLine(#"{"return": 1, "id": \#(first)}"#)
      wire.sendLine(#"{"return": 2, "id": \#(second)}"#)
      _ = wire.line()
    } body: { client in
      let task = Task { await error { try await client.execute("a") } }
      try await Task.sleep(for: .milliseconds(50))
      task.cancel()
      #expect(await task.value == .cancelled(object: "test", command: "a"))
      let answer6 = try await client.execute("b")
      #expect(answer6 == 2)
      // Cancelled before it begins.
      let never = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        return await error { try await client.execute("c") }
      }
      #expect(await never.value == .cancelled(object: "test", command: "c"))
    }
  }

  @Test func disconnectFailsAllThatWait() async throws {
    try await ScriptedServer.with { wire in
      for _ in 0..<20 { _ = wire.command() }
    } body: { client in
      let events = client.events()
      await withTaskGroup(of: QMPError?.self) { group in
        for _ in 0..<20 {
          group.addTask { await error { try await client.execute("x", timeout: .seconds(60)) } }
        }
        for await error in group { #expect(error == .disconnected(object: "test")) }
      }
      for await event in events { Issue.record("\(event)") }
      for await event in client.events() { Issue.record("\(event)") }
      #expect(client.failure == .disconnected(object: "test"))
      #expect(await error { try await client.execute("x") } == .disconnected(object: "test"))
    }
  }

  @Test func closedClientSaysSo() async throws {
    try await ScriptedServer.with {
      while $0.line() != nil {}
    } body: { client in
      let task = Task { await error { try await client.execute("x", timeout: .seconds(60)) } }
      try await Task.sleep(for: .milliseconds(50))
      await client.close()
      await client.close()
      #expect(await task.value == .closed(object: "test"))
      #expect(await error { try await client.execute("x") } == .closed(object: "test"))
    }
  }

  @Test func anotherTypeIsMalformed() async throws {
    try await ScriptedServer.with { wire in
      while let command = wire.command() {
        wire.sendLine(#"{"return": {"status": 7}, "id": \#(command.id)}"#)
      }
    } body: { client in
      let wrong = await error { try await client.execute(QueryStatus()) }
      guard case .malformed(let object, _) = wrong else {
        Issue.record("\(String(describing: wrong))")
        return
      }
      #expect(object == "test: query-status")
      let answer7 = try await client.execute("x")
      #expect(answer7["status"] == 7)
    }
  }

  @Test(arguments: [
    "{{}}", "[]", "null", "{}", #"{"error": {"class": "a"}}"#, #"{"error": 1, "id": 2}"#,
    #"{"event": 1}"#, #"{"event": "A", "timestamp": 1}"#, "\u{FF}",
  ])
  func rubbishEndsTheConnection(line: String) async throws {
    try await ScriptedServer.with { wire in
      _ = wire.command()
      wire.sendLine(line)
      while wire.line() != nil {}
    } body: { client in
      let found = await error { try await client.execute("x") }
      guard case .malformed = found else {
        Issue.record("\(line): \(String(describing: found))")
        return
      }
    }
  }

  @Test func whatJSONCannotExpressIsRefused() async throws {
    try await ScriptedServer.with {
      while $0.line() != nil {}
    } body: { client in
      let found = await error { try await client.execute("x", arguments: .number(.nan)) }
      guard case .invalid = found else {
        Issue.record("\(String(describing: found))")
        return
      }
      #expect(client.failure == nil)
    }
  }

  @Test func deepAnswersAreRead() async throws {
    let deep = String(repeating: "[", count: 400) + String(repeating: "]", count: 400)
    try await ScriptedServer.with { wire in
      wire.sendLine(#"{"return": \#(deep), "id": \#(wire.command()?.id ?? 0)}"#)
      wire.sendLine(#"{"return": 1e999, "id": \#(wire.command()?.id ?? 0)}"#)
      while wire.line() != nil {}
    } body: { client in
      var value = try await client.execute("x")
      var depth = 1
      while case .array(let elements) = value, let first = elements.first {
        value = first
        depth += 1
      }
      #expect(depth == 400)
      let found = await error { try await client.execute("x") }
      guard case .malformed = found else {
        Issue.record("\(String(describing: found))")
        return
      }
    }
  }

  @Test func deepNestingIsSurvived() async throws {
    let deep = String(repeating: "[", count: 100_000)
    try await ScriptedServer.with { wire in
      wire.sendLine(#"{"return": \#(deep), "id": \#(wire.command()?.id ?? 0)}"#)
      while wire.line() != nil {}
    } body: { client in
      let found = await error { try await client.execute("x") }
      guard case .malformed = found else {
        Issue.record("\(String(describing: found))")
        return
      }
    }
  }

  @Test func eventsLookAsQEMUWantsThem() async throws {
    let text = Mutex("")
    try await ScriptedServer.with { wire in
      let command = wire.command()
      text.withLock { $0 = command?.text ?? "" }
      wire.sendLine(#"{"return": {}, "id": \#(command?.id ?? 0)}"#)
      _ = wire.line()
    } body: { client in
      try await client.execute(
        InputSendEvent(
          [
            .key("ret", down: true), .button(.wheelUp, down: false), .absolute(.x, 32767),
            .relative(.y, -3),
          ], device: "video0", head: 1))
    }
    let sent = try JSONDecoder().decode(
      JSONValue.self, from: Data(text.withLock { $0 }.utf8))
    #expect(sent["execute"] == "input-send-event")
    #expect(
      sent["arguments"] == [
        "device": "video0", "head": 1,
        "events": [
          [
            "type": "key",
            "data": ["down": true, "key": ["type": "qcode", "data": "ret"]],
          ],
          ["type": "btn", "data": ["down": false, "button": "wheel-up"]],
          ["type": "abs", "data": ["axis": "x", "value": 32767]],
          ["type": "rel", "data": ["axis": "y", "value": -3]],
        ],
      ])
  }
}
