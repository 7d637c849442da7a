// SPDX-License-Identifier: Apache-2.0

import GuestInput
import LinuxSystem
import Synchronization
import TestSupport
import Testing

@testable import GuestAgent

/// The pointer of a guest without a tablet, at an agent that a test plays. A real one moves it in the rig.
@Suite(.onOwnThread, .timeLimit(.minutes(5))) struct PointerTests {
  /// The guest's own devices, which note what they get.
  private final class Devices: InputSink {
    let devices = Mutex<InputDevices?>([.keyboard, .mouse])
    let got = Mutex<[GuestInputEvent]>([])

    var events: [GuestInputEvent] { got.withLock(\.self) }

    func send(_ event: GuestInputEvent) -> InputReceipt {
      got.withLock { $0.append(event) }
      return .taken
    }
    func releaseAll() {}
    var state: GuestInputState {
      devices.withLock(\.self).map { .ready($0) } ?? .viewOnly(reason: "not now")
    }
    func changes() -> AsyncStream<Void> { AsyncStream { $0.finish() } }
  }

  private let devices = Devices()

  private func pointer(
    _ capabilities: AgentCapabilities
  ) async throws -> (AgentPointer, ScriptedAgent, AgentClient) {
    let (ours, theirs) = ScriptedAgent.pair()
    let agent = ScriptedAgent(theirs, capabilities)
    let client = try AgentClient(
      owning: OwnedFileDescriptor(owning: ours), name: "guest", onEvent: { _ in })
    agent.announce(capabilities)
    let state = await client.stateAfterWaiting(atMost: .seconds(60))
    try #require(state.capabilities == capabilities)
    return (AgentPointer(devices, by: client), agent, client)
  }

  private func expect(
    _ agent: ScriptedAgent, _ states: (UInt32, UInt32, UInt32)...,
    location: SourceLocation = #_sourceLocation
  ) {
    for (x, y, buttons) in states {
      #expect(
        agent.receive() == .mouse(x: x, y: y, buttons: buttons, display: 0),
        sourceLocation: location)
    }
  }

  @Test func placesAndWhatBelongsToThem() async throws {
    let (pointer, agent, client) = try await pointer([.mouseState])
    // Nobody knows yet how large the screen is.
    #expect(pointer.state == .ready([.keyboard, .mouse]))
    pointer.size = (1600, 1200)
    #expect(pointer.state == .ready([.keyboard, .mouse, .tablet]))
    let most = GuestInputEvent.absoluteMaximum
    #expect(pointer.send(.absolute(x: most, y: 0)) == .taken)
    expect(agent, (1599, 0, 0))
    // Beyond its ends, too.
    pointer.send(.absolute(x: -5, y: .max))
    expect(agent, (0, 1199, 0))
    #expect(pointer.send(.button(.left, down: true)) == .taken)
    #expect(pointer.send(.button(.left, down: true)) == .unchanged)
    pointer.send(.button(.right, down: true))
    pointer.send(.button(.left, down: false))
    expect(agent, (0, 1199, 2), (0, 1199, 10), (0, 1199, 8))
    pointer.send(.wheel(.vertical, notches: -1))
    pointer.send(.wheel(.vertical, notches: 2))
    expect(agent, (0, 1199, 24), (0, 1199, 8))
    for _ in 0..<2 { expect(agent, (0, 1199, 40), (0, 1199, 8)) }
    pointer.releaseAll()
    expect(agent, (0, 1199, 0))
    #expect(devices.events.isEmpty)
    await client.closeAndWait()
  }

  /// Keys, what the protocol has no word for, and a mouse that a grab moves.
  @Test func theRestIsTheGuestsOwn() async throws {
    let (pointer, agent, client) = try await pointer([.mouseState])
    pointer.size = (100, 100)
    let own: [GuestInputEvent] = [
      .button(.left, down: true), .button(.left, down: false),
      .key(Keycode(rawValue: 30), down: true),
      .relative(dx: 1, dy: 2), .button(.left, down: true), .wheel(.vertical, notches: 1),
      .button(.left, down: false),
    ]
    for event in own { pointer.send(event) }
    pointer.send(.absolute(x: 0, y: 0))
    expect(agent, (0, 0, 0))
    let others: [GuestInputEvent] = [.wheel(.horizontal, notches: 1), .button(.side, down: true)]
    for event in others { pointer.send(event) }
    #expect(devices.events == own + others)
    // A button that the agent holds comes up there, whatever has moved since.
    pointer.send(.button(.left, down: true))
    pointer.send(.relative(dx: 1, dy: 1))
    #expect(pointer.send(.button(.left, down: false)) == .taken)
    expect(agent, (0, 0, 2), (0, 0, 0))
    // A tablet comes, and the agent goes.
    devices.devices.withLock { $0 = [.keyboard, .mouse, .tablet] }
    pointer.send(.absolute(x: 7, y: 7))
    #expect(devices.events.last == .absolute(x: 7, y: 7))
    devices.devices.withLock { $0 = nil }
    #expect(pointer.state == .viewOnly(reason: "not now"))
    devices.devices.withLock { $0 = [.mouse] }
    await client.closeAndWait()
    #expect(pointer.state == .ready([.mouse]))
    pointer.send(.absolute(x: 8, y: 8))
    #expect(devices.events.last == .absolute(x: 8, y: 8))
  }

  @Test func agentsThatCannotAreNotAsked() async throws {
    let (pointer, _, client) = try await pointer([.clipboardByDemand])
    pointer.size = (100, 100)
    #expect(pointer.state == .ready([.keyboard, .mouse]))
    pointer.send(.absolute(x: 1, y: 1))
    #expect(devices.events == [.absolute(x: 1, y: 1)])
    await client.closeAndWait()
  }

  /// A guest that reads slowly is told of the last place, and of each button.
  @Test func oldPlacesDoNotWait() {
    let layout = AgentLayout([.mouseState])
    var queue = OutgoingQueue()
    func move(_ x: UInt32, _ buttons: UInt32 = 0) {
      queue.append(
        OutgoingMessage(.mouse(x: x, y: 0, buttons: buttons, display: 0), layout))
    }
    func messages() -> Int {
      var (count, buffer) = (0, [UInt8]())
      while !queue.isEmpty {
        count += queue.fill(&buffer, limit: 1 << 20).count
        buffer = []
      }
      return count
    }
    for x in 0..<10_000 { move(UInt32(x)) }
    for x in 0..<100 { move(UInt32(x), 2) }
    move(0)
    // The places before; a press at its own place, and the way from there; the release.
    #expect(messages() == 4)
    // Whoever reads nothing gets the last word.
    for x in 0..<10_000 { move(UInt32(x), UInt32(x % 2) * 2) }
    #expect(messages() == OutgoingQueue.mostShort)
  }
}
