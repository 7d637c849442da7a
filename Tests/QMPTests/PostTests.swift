// SPDX-License-Identifier: Apache-2.0

import Foundation
import QMP
import Synchronization
import Testing

/// Commands that nobody waits for.
@Suite(.timeLimit(.minutes(15))) struct PostTests {
  @Test func orderIsKept() async throws {
    let seen = Mutex<[String]>([])
    try await ScriptedServer.with { wire in
      for _ in 0..<500 {
        guard let command = wire.command() else { return }
        seen.withLock { $0.append(command.text) }
        wire.sendLine(
          #"{"error": {"class": "GenericError", "desc": "no"}, "id": \#(command.id)}"#)
      }
      wire.sendLine(#"{"return": {}, "id": \#(wire.command()?.id ?? 0)}"#)
      _ = wire.line()
    } body: { client in
      for number in 0..<500 {
        #expect(client.post(InputSendEvent([.absolute(.x, number)])))
      }
      // Nobody hears what QEMU refuses, and the answers to others still find them.
      try await client.execute("last")
    }
    let texts = seen.withLock { $0 }
    #expect(texts.count == 500)
    for (number, text) in texts.enumerated() {
      #expect(text.firstMatch(of: /"value":(\d+)/)?.1 == "\(number)")
    }
  }

  @Test func callerIsNeverHeldUp() async throws {
    // Takes nothing until all was posted: a caller that waits for it would wait for ever.
    let isPosted = DispatchSemaphore(value: 0)
    let arrived = Mutex(0)
    try await ScriptedServer.with { wire in
      isPosted.wait()
      while wire.line() != nil { arrived.withLock { $0 += 1 } }
    } body: { client in
      let taken = (0..<20_000).count { _ in client.post(InputSendEvent([.relative(.y, -1)])) }
      #expect(taken > 100 && taken < 20_000)
      isPosted.signal()
      // What the socket did not take at once follows when it does.
      while arrived.withLock({ $0 }) < taken { try await Task.sleep(for: .milliseconds(10)) }
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
