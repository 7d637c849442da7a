// SPDX-License-Identifier: Apache-2.0

import Foundation
import GuestControl
import GuestInput
import QMP
import Synchronization
import TestSupport
import Testing

/// A connection that somebody else has, as libvirt does.
@Suite(.timeLimit(.minutes(15))) struct BlockingQMPConnectionTests {
  private struct Connector: QMPConnector {
    let call: @Sendable ([UInt8]) throws -> [UInt8]
    func connect() async throws(QMPUnavailable) -> any QMPConnection {
      BlockingQMPConnection(name: "libvirt:box", call: call)
    }
  }

  private struct Broken: Error, CustomStringConvertible {
    let description = "the daemon is gone"
  }

  @Test func commandsArePassedOnAndAnswersRead() async throws {
    let sent = Mutex<[String]>([])
    let connection = BlockingQMPConnection(name: "libvirt:box") { request in
      sent.withLock { $0.append(String(decoding: request, as: UTF8.self)) }
      return Array(
        #"{"return": {"running": true, "status": "running"}, "id": "libvirt-17"}"#.utf8)
    }
    #expect(try await connection.execute(QueryStatus(), timeout: .seconds(1)).running)
    let object = try JSONDecoder().decode(
      JSONValue.self, from: Data(sent.withLock { $0[0] }.utf8))
    #expect(object["execute"] == "query-status")
    #expect(object["id"] == nil)
    await connection.close()
    #expect(connection.failure == .closed(object: "libvirt:box"))
    for await _ in connection.events() { Issue.record("an event") }
  }

  @Test func refusalIsNoEnd() async throws {
    let connection = BlockingQMPConnection(name: "libvirt:box") { _ in
      Array(#"{"error": {"class": "GenericError", "desc": "VM not running"}}"#.utf8)
    }
    await #expect(
      throws: QMPError.refused(
        object: "libvirt:box", command: "stop", errorClass: "GenericError",
        reason: "VM not running")
    ) { try await connection.execute(Stop(), timeout: .seconds(1)) }
    #expect(connection.failure == nil)
  }

  @Test(arguments: ["", "{}", "[]", #"{"return": 1}"#, #"{"event": "STOP"}"#])
  func nonsenseIsTheEnd(_ answer: String) async throws {
    let connection = BlockingQMPConnection(name: "libvirt:box") { _ in Array(answer.utf8) }
    await #expect(throws: QMPError.self) {
      try await connection.execute(QueryStatus(), timeout: .seconds(1))
    }
    #expect(connection.failure != nil)
  }

  @Test func whoCancelsDoesNotWait() async throws {
    let gate = DispatchSemaphore(value: 0)
    let connection = BlockingQMPConnection(name: "libvirt:box") { _ in
      gate.wait()
      return []
    }
    let task = Task { try await connection.execute(Stop(), timeout: .seconds(1)) }
    task.cancel()
    await #expect(throws: QMPError.cancelled(object: "libvirt:box", command: "stop")) {
      try await task.value
    }
    gate.signal()
  }

  /// Input goes the same way; the end of the way is told, and found again.
  @Test func controlUsesIt() async throws {
    let isBroken = Mutex(false)
    let sent = Mutex<[String]>([])
    let control = GuestController(
      .other(
        Connector { request in
          if isBroken.withLock({ $0 }) { throw Broken() }
          let text = String(decoding: request, as: UTF8.self)
          if text.contains("query-status") {
            return Array(#"{"return": {"running": true, "status": "running"}}"#.utf8)
          }
          if text.contains("query-mice") || text.contains("qom-list") {
            return Array(#"{"return": []}"#.utf8)
          }
          sent.withLock { $0.append(text) }
          return Array(#"{"return": {}}"#.utf8)
        }))
    try await eventually { control.state == .ready([.keyboard, .mouse]) }
    control.send(.key(Keycode(rawValue: 30), down: true))
    try await eventually { sent.withLock { $0.count == 1 && $0[0].contains(#""data":"a""#) } }
    isBroken.withLock { $0 = true }
    control.send(.key(Keycode(rawValue: 30), down: false))
    try await eventually {
      control.state == .viewOnly(reason: "libvirt:box: the daemon is gone")
    }
    isBroken.withLock { $0 = false }
    try await eventually { control.state == .ready([.keyboard, .mouse]) }
    await control.close()
  }

  /// Without events a pause is noticed only as QEMU refuses: what is down is released all the same.
  @Test func releaseThatWasRefusedIsSentAgain() async throws {
    let isPaused = Mutex(false)
    let taken = Mutex<[Bool]>([])
    let control = GuestController(
      .other(
        Connector { request in
          let text = String(decoding: request, as: UTF8.self)
          let isPaused = isPaused.withLock { $0 }
          if text.contains("query-status") {
            let status = isPaused ? "paused" : "running"
            return Array(
              #"{"return": {"running": \#(!isPaused), "status": "\#(status)"}}"#.utf8)
          }
          if text.contains("query-mice") || text.contains("qom-list") {
            return Array(#"{"return": []}"#.utf8)
          }
          if isPaused {
            return Array(#"{"error": {"class": "GenericError", "desc": "VM not running"}}"#.utf8)
          }
          taken.withLock { $0.append(text.contains(#""down":true"#)) }
          return Array(#"{"return": {}}"#.utf8)
        }))
    try await eventually { control.state == .ready([.keyboard, .mouse]) }
    control.send(.key(Keycode(rawValue: 30), down: true))
    try await eventually { taken.withLock { $0 == [true] } }
    isPaused.withLock { $0 = true }
    control.send(.key(Keycode(rawValue: 30), down: false))
    try await eventually { control.machine == .paused }
    isPaused.withLock { $0 = false }
    try await eventually {
      _ = control.state
      return taken.withLock { $0 == [true, false] }
    }
    await control.close()
  }
}
