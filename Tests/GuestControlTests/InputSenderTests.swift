// SPDX-License-Identifier: Apache-2.0

import Foundation
import GuestInput
import LinuxSystem
import QMP
import Synchronization
import TestSupport
import Testing

@testable import GuestControl

/// A QEMU that notes what it is sent, and refuses it while it is told to.
private final class FakeQEMU: Sendable {
  private struct State {
    var sent: [String] = []
    var refuses = false
  }
  private let state = Mutex(State())

  var sent: [String] { state.withLock(\.sent) }

  func refuse(_ refuses: Bool) { state.withLock { $0.refuses = refuses } }

  /// A way to it, which may end before the guest does.
  var connection: BlockingQMPConnection {
    BlockingQMPConnection(name: "fake") { [self] request in
      let text = String(decoding: request, as: UTF8.self)
      return state.withLock { state in
        if state.refuses {
          return Array(#"{"error": {"class": "GenericError", "desc": "no"}}"#.utf8)
        }
        state.sent += text.matches(of: /"(?:down|data)":[^{}]*?(true|false|"[a-z0-9_]+")/).map {
          String($0.1.filter { $0 != "\"" })
        }
        return Array(#"{"return": {}}"#.utf8)
      }
    }
  }
}

/// The sender alone: no connection is made, and nobody watches.
@Suite(.timeLimit(.minutes(15))) struct InputSenderTests {
  private let a = Keycode(rawValue: 30)
  private let b = Keycode(rawValue: 48)
  private let events = Broadcast<GuestEvent>(keeping: 256)

  private func sender() -> InputSender { InputSender(absence: "nobody is there", events: events) }

  /// Runs a sender with a QEMU.
  private func with(
    _ qemu: FakeQEMU, _ sender: InputSender,
    lookAtMachine: @escaping @Sendable () -> Void = {},
    _ body: () async throws -> Void
  ) async throws {
    let wakeups = sender.connect()
    let connection = qemu.connection
    let task = Task {
      await sender.deliver(to: connection, wakeups) { () async throws(QMPError) in lookAtMachine() }
    }
    try await body()
    sender.disconnect(reason: "left")
    _ = await task.value
    await sender.release(on: connection)
    await connection.close()
  }

  @Test func nothingIsTakenWithoutAGuest() {
    let sender = sender()
    #expect(sender.inputState == .viewOnly(reason: "nobody is there"))
    #expect(sender.send(.key(a, down: true)) == .refused)
    #expect(sender.send(.key(a, down: false)) == .refused)
    #expect(sender.send(.absolute(x: 1, y: 1)) == .refused)
  }

  /// A window reads the state when it may have changed, and a state that is read is no change.
  @Test func changesAreTold() async throws {
    let sender = sender()
    let mice = try JSONDecoder().decode(
      [QueryMice.Mouse].self,
      from: Data(#"[{"name": "tablet", "index": 1, "current": true, "absolute": true}]"#.utf8))
    let changes: [() -> Void] = [
      { _ = sender.connect() }, { sender.note(MachineState.paused) },
      { sender.note(MachineState.running) }, { sender.note(mice, since: 0) },
      { sender.note(touchScreen: true) }, { sender.disconnect(reason: "left") },
    ]
    for change in changes {
      var told = sender.changes.stream().makeAsyncIterator()
      let before = sender.inputState
      change()
      await told.next()
      #expect(sender.inputState != before)
    }
    let told = sender.changes.stream()
    sender.note([], since: 0)
    sender.note(touchScreen: false)
    sender.changes.finish()
    for await _ in told { #expect(Bool(false), "nothing has changed") }
  }

  /// A task that waits for changes ends with the sink.
  @Test func changesEndWithTheController() async {
    let closed = GuestController(nil)
    let changes = [closed.changes(), GuestController(nil).changes()]
    await closed.close()
    for changes in changes { for await _ in changes {} }
    for await _ in closed.changes() { #expect(Bool(false), "it is closed") }
  }

  @Test func receiptsTellWhatTheGuestHears() async throws {
    let qemu = FakeQEMU()
    let sender = sender()
    var told = events.stream().makeAsyncIterator()
    try await with(qemu, sender) {
      #expect(sender.inputState == .ready([.keyboard, .mouse]))
      #expect(sender.send(.key(a, down: true)) == .taken)
      #expect(sender.send(.key(a, down: true)) == .unchanged)
      #expect(sender.send(.key(b, down: false)) == .unchanged)
      // KEY_MACRO, which QEMU has no name for.
      #expect(sender.send(.key(Keycode(rawValue: 112), down: true)) == .unchanged)
      #expect(await told.next() == .unknownKey(Keycode(rawValue: 112)))
      #expect(sender.send(.key(a, down: false)) == .taken)
      try await eventually { qemu.sent.count == 4 }
    }
    #expect(sender.inputState == .viewOnly(reason: "left"))
  }

  /// A key that is let go while the guest is paused comes up when the guest runs again.
  @Test func releaseIsTakenAtAnyTime() async throws {
    let qemu = FakeQEMU()
    let sender = sender()
    try await with(qemu, sender) {
      sender.note(.running)
      #expect(sender.send(.key(a, down: true)) == .taken)
      try await eventually { qemu.sent.contains("true") }
      sender.note(.paused)
      #expect(sender.inputState == .viewOnly(reason: "the guest is paused"))
      #expect(sender.send(.key(b, down: true)) == .refused)
      #expect(sender.send(.key(b, down: false)) == .refused)
      #expect(sender.send(.key(a, down: true)) == .refused)
      #expect(sender.send(.key(a, down: false)) == .taken)
      #expect(sender.send(.key(a, down: false)) == .refused)
      // A release that is sent too soon arrives in this time.
      try await Task.sleep(for: .milliseconds(50))
      #expect(!qemu.sent.contains("false"))
      sender.note(.running)
      try await eventually { qemu.sent.contains("false") }
    }
    #expect(qemu.sent.filter { $0 == "b" }.isEmpty)
  }

  /// A guest that is left has no key down, whether this side leaves it or the connection is of no use.
  @Test(arguments: [true, false]) func guestThatIsLeftHasNothingDown(isLeft: Bool) async throws {
    let qemu = FakeQEMU()
    let sender = sender()
    let wakeups = sender.connect()
    let connection = qemu.connection
    let task = Task {
      await sender.deliver(to: connection, wakeups) { () async throws(QMPError) in }
    }
    for code in 2...7 as ClosedRange<UInt16> {
      sender.send(.key(Keycode(rawValue: code), down: true))
    }
    try await eventually { qemu.sent.filter { $0 == "true" }.count == 6 }
    if isLeft {
      sender.disconnect(reason: "left")
      _ = await task.value
    }
    await sender.release(on: connection)
    #expect(qemu.sent.filter { $0 == "false" }.count == 6)
    await sender.release(on: connection)
    #expect(qemu.sent.filter { $0 == "false" }.count == 6)
    if !isLeft {
      sender.disconnect(reason: "left")
      _ = await task.value
    }
    // The next guest has none of it.
    _ = sender.connect()
    #expect(sender.send(.key(Keycode(rawValue: 2), down: false)) == .unchanged)
  }

  @Test func refusalIsLookedInto() async throws {
    let qemu = FakeQEMU()
    let sender = sender()
    qemu.refuse(true)
    let looks = Mutex(0)
    try await with(
      qemu, sender,
      lookAtMachine: {
        sender.note(.paused)
        looks.withLock { $0 += 1 }
      },
      {
        sender.send(.key(a, down: true))
        try await eventually { looks.withLock { $0 == 1 } }
        qemu.refuse(false)
        sender.note(.running)
        #expect(sender.send(.key(a, down: false)) == .unchanged)
      })
    // The guest was never told of the press.
    #expect(qemu.sent.isEmpty)
  }
}

/// The watcher alone.
@Suite struct MachineWatcherTests {
  private let events = Broadcast<GuestEvent>(keeping: 256)
  private func watcher() -> (MachineWatcher, InputSender) {
    let input = InputSender(absence: "nobody is there", events: events)
    _ = input.connect()
    return (MachineWatcher(input, events), input)
  }

  private func event(_ name: String, _ data: JSONValue = .null) -> QMPEvent {
    QMPEvent(name: name, data: data, timestamp: nil)
  }

  @Test func eventsAreTheMachines() {
    let (watcher, input) = watcher()
    for (name, data, state) in [
      ("STOP", .null, .paused), ("RESUME", .null, .running), ("SUSPEND", .null, .suspended),
      ("WAKEUP", .null, .running), ("GUEST_PANICKED", ["action": "run"], .running),
      ("GUEST_PANICKED", ["action": "pause"], .panicked), ("STOP", .null, .panicked),
      ("RESET", ["guest": true], .panicked), ("SHUTDOWN", .null, .poweredOff),
      ("STOP", .null, .poweredOff), ("NEWS", .null, .poweredOff),
    ] as [(String, JSONValue, MachineState)] {
      watcher.note(event(name, data))
      #expect(watcher.state == state, "\(name)")
    }
    #expect(input.inputState == .viewOnly(reason: "the guest has powered off"))
    watcher.reset()
    #expect(watcher.state == .unknown)
    #expect(input.inputState == .ready([.keyboard, .mouse]))
  }

  @Test func newsAreToldOnce() async {
    let (watcher, _) = watcher()
    let stream = events.stream()
    watcher.note(event("STOP"))
    watcher.note(event("STOP"))
    watcher.note(event("RESET", ["guest": true]))
    watcher.note(event("SHUTDOWN", ["guest": true, "reason": "guest-shutdown"]))
    events.finish()
    var told: [GuestEvent] = []
    for await event in stream { told.append(event) }
    #expect(
      told == [
        .machine(.paused), .reset(byGuest: true), .machine(.poweredOff),
        .shutdown(byGuest: true, cause: "guest-shutdown"),
      ])
    for await event in events.stream() { Issue.record("\(event)") }
  }

  @Test func machineAndMiceAreAskedFor() async throws {
    let (watcher, input) = watcher()
    let connection = BlockingQMPConnection(name: "fake") { request in
      String(decoding: request, as: UTF8.self).contains("query-status")
        ? Array(#"{"return": {"running": true, "status": "running"}}"#.utf8)
        : Array(
          #"{"return": [{"name": "QEMU HID Tablet", "index": 3, "current": true, "absolute": true}]}"#
            .utf8)
    }
    try await watcher.look(connection)
    #expect(watcher.state == .running)
    #expect(input.inputState == .ready([.keyboard, .mouse, .tablet]))
    await connection.close()
  }
}
