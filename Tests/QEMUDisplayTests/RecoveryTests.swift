// SPDX-License-Identifier: Apache-2.0

import Foundation
import GuestControl
import GuestInput
import LinuxSystem
import QMP
import TestSupport
import Testing
import VGPUDisplay

@testable import QEMUDisplay

/// QEMUs that end, come back, are taken over, or have no such display.
@Suite(.needs("qemu-system-x86_64"), .timeLimit(.minutes(15)), .onOwnThread)
struct DisplayRecoveryTests {
  private static let atRest = ["-S", "-device", "virtio-gpu-pci"]

  private func hasPicture(_ source: QEMUDisplaySource) -> Bool {
    if case .frame = source.poll() { true } else { false }
  }

  @Test(arguments: TestMachine.programs) func aQEMUThatComesBackIsShownAgain(program: String)
    async throws
  {
    let guest = try DisplayGuest(program, Self.atRest)
    let source = try await guest.source()
    try await eventually { hasPicture(source) }
    kill(guest.process.processIdentifier, SIGKILL)
    try await eventually { !hasPicture(source) }
    guard case .viewOnly = source.input.state else { return #expect(Bool(false)) }
    #expect(source.input.send(.key(Keycode(rawValue: 30), down: true)) == .refused)
    // The same socket, another process.
    let next = try DisplayGuest(program, Self.atRest, at: guest.folder)
    try await eventually { hasPicture(source) }
    try await eventually { if case .ready = source.input.state { true } else { false } }
    next.end()
  }

  /// QEMU has one client at a time. The first says so, and takes the display back only when it is told to.
  @Test(arguments: TestMachine.programs) func anotherClientTakesOver(program: String) async throws {
    let guest = try DisplayGuest(program, Self.atRest)
    let first = try await guest.source()
    try await eventually { hasPicture(first) }
    let second = try await guest.source()
    try await eventually { hasPicture(second) }
    try await eventually {
      if case .viewOnly(let reason) = first.input.state {
        reason.contains("another program")
      } else {
        false
      }
    }
    guard case .noPicture(let reason) = first.poll() else { return #expect(Bool(false)) }
    #expect("\(reason)".contains("another program") && hasPicture(second))
    guard case .ready = second.input.state else { return #expect(Bool(false)) }
    #expect(first.client.isTakenOver && !second.client.isTakenOver)

    second.client.takeBack()
    first.client.takeBack()
    try await eventually { hasPicture(first) && second.client.isTakenOver }
    try await eventually { if case .ready = first.input.state { true } else { false } }
    #expect(!first.client.isTakenOver && !hasPicture(second))
    // QEMU's end is one for both.
    kill(guest.process.processIdentifier, SIGKILL)
    try await eventually { !second.client.isTakenOver && !hasPicture(first) }
    #expect(!first.client.isTakenOver)
  }

  @Test func guestsWithoutSuchADisplaySaySo() async throws {
    let none = try DisplayGuest(
      try #require(TestMachine.programs.first), Self.atRest, display: "none")
    var error = await #expect(throws: QEMUDisplayError.self) { try await none.source() }
    #expect("\(error.map { "\($0)" } ?? "")".contains("-display dbus,p2p=yes"))
    let empty = try DisplayGuest(try #require(TestMachine.programs.first), ["-S", "-vga", "none"])
    error = await #expect(throws: QEMUDisplayError.self) { try await empty.source() }
    #expect("\(error.map { "\($0)" } ?? "")".contains("no graphical console"))
  }

  /// Nobody answers at the other end.
  @Test func silenceIsNoWaitWithoutEnd() async throws {
    struct Silent: DisplayConnector {
      func connect() async throws(QEMUDisplayError) -> DisplayEnd {
        let pair = try SocketPair(for: "silent")
        let theirs = try? pair.theirs.duplicate(of: "silent")
        if let theirs { _ = theirs.release() }
        return DisplayEnd(pair.takeOurs())
      }
    }
    let source = try QEMUDisplaySource(Silent(), guest: "silent")
    await #expect(throws: QEMUDisplayError.self) { try await source.firstConnection() }
  }

  /// A console that changes while it is asked: its signals are newer than the answers, whichever comes
  /// first (Tests/FakeQEMU/signalling-qemu.py).
  @Test(.needs("python3")) func signalsAreNewerThanAnswers() async throws {
    let qemu = try FakeQEMU("signalling-qemu")
    let source = try QEMUDisplaySource(
      QMPDisplayConnector(.socket(qemu.path), guest: "fake"), guest: "fake")
    try await source.firstConnection()
    guard case .ready(let devices) = source.input.state else { return #expect(Bool(false)) }
    #expect(devices.contains(.tablet))
    #expect(source.consoles.map(\.width) == [800] && source.consoles.map(\.height) == [480])

    var changes = source.input.changes().makeAsyncIterator()
    #expect(source.input.send(.key(Keycode(rawValue: 30), down: true)) == .taken)
    await changes.next()
    #expect(source.input.state == .ready([.keyboard, .mouse]))
  }
}
