// SPDX-License-Identifier: Apache-2.0

import Foundation
import QMP
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(15))) struct EventTests {
  @Test func everyReaderGetsEveryEvent() async throws {
    try await ScriptedServer.with { wire in
      let id = wire.command()?.id ?? 0
      for number in 0..<100 {
        wire.sendLine(
          #"{"event": "E\#(number)", "data": {"n": \#(number)}, "timestamp": "#
            + #"{"seconds": \#(number), "microseconds": 250000}}"#)
      }
      wire.sendLine(#"{"event": "LAST", "timestamp": {"seconds": -1, "microseconds": -1}}"#)
      wire.sendLine(#"{"return": {}, "id": \#(id)}"#)
    } body: { client in
      let readers = [client.events(), client.events()]
      _ = client.events()
      try await client.execute("go")
      for reader in readers {
        var number: Int64 = 0
        for await event in reader {
          if event.name == "LAST" {
            #expect(event.data == .null && event.timestamp == nil)
            continue
          }
          #expect(event.name == "E\(number)")
          #expect(event.data["n"] == .integer(number))
          #expect(event.timestamp == .seconds(number) + .milliseconds(250))
          number += 1
        }
        #expect(number == 100)
      }
    }
  }

  @Test func slowReaderMissesTheOldest() async throws {
    var limits = QMPLimits()
    limits.events = 10
    try await ScriptedServer.with(limits: limits) { wire in
      let id = wire.command()?.id ?? 0
      for number in 0..<1000 { wire.sendLine(#"{"event": "\#(number)"}"#) }
      wire.sendLine(#"{"return": {}, "id": \#(id)}"#)
    } body: { client in
      let reader = client.events()
      try await client.execute("go")
      var names: [String] = []
      for await event in reader { names.append(event.name) }
      #expect(names == (990..<1000).map { "\($0)" })
    }
  }

  /// Whatever is sent, the client says what it thinks of it, and never falls over.
  @Test func anyBytesAreSurvived() async throws {
    let lines = [
      #"{"return": {"status": "running", "running": true}, "id": 2}"#,
      #"{"error": {"class": "GenericError", "desc": "no"}, "id": 2}"#,
      #"{"event": "RESET", "data": {"guest": true}, "timestamp": {"seconds": 1, "microseconds": 2}}"#,
      ScriptedServer.greeting,
    ]
    for seed in 0..<400 {
      let server = ScriptedServer { wire in
        var generator = SeededGenerator(seed: UInt64(seed))
        if seed % 4 != 0 { wire.greet() }
        var bytes: [UInt8] = []
        for _ in 0..<5 {
          bytes += (lines.randomElement(using: &generator) ?? "").utf8
          bytes.append(10)
        }
        for _ in 0..<Int.random(in: 0...6, using: &generator) {
          let index = Int.random(in: bytes.indices, using: &generator)
          switch Int.random(in: 0..<3, using: &generator) {
          case 0: bytes[index] = .random(in: 0...255, using: &generator)
          case 1: bytes.remove(at: index)
          default: bytes.insert(bytes[index], at: index)
          }
        }
        wire.send(bytes)
      }
      do {
        let client = try await server.client()
        let events = client.events()
        _ = try? await client.execute(QueryStatus())
        for await _ in events {}
        #expect(client.failure != nil)
        await client.close()
      } catch {
        #expect(!"\(error)".contains("\n"))
      }
    }
  }
}
