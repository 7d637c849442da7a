// SPDX-License-Identifier: Apache-2.0

import Foundation
import GuestInput
import LinuxSystem
import QMP
import Synchronization
import TestSupport
import Testing
import VGPUDisplay

@testable import QEMUDisplay

/// Several heads of one guest, which share one connection.
@Suite(.needs("qemu-system-x86_64"), .timeLimit(.minutes(15)), .onOwnThread) struct HeadsTests {
  private static let two = [
    "-device", "virtio-vga,max_outputs=2,id=gpu", "-device", "bochs-display,id=card",
  ]

  private func hasPicture(_ source: QEMUDisplaySource) -> Bool {
    if case .frame = source.poll() { true } else { false }
  }

  /// Every head shows its own console, and none ends another's.
  @Test(arguments: TestMachine.programs)
  func headsShareOneConnection(program: String) async throws {
    let guest = try DisplayGuest(program, Self.two)
    let client = QEMUDisplayClient(guest.connector, guest: "the guest")
    let first = try QEMUDisplaySource(client)
    try await first.firstConnection()
    #expect(client.consoles.map(\.head) == [0, 1, 0])
    #expect(client.consoles.map(\.label) == ["gpu.0", "gpu.1", "card"])
    #expect(Set(client.consoles.map(\.device)).count == 2)
    // Those that come later share it too.
    let second = try QEMUDisplaySource(client, head: 1)
    let third = try QEMUDisplaySource(client, head: 2)
    for source in [second, third] { try await source.firstConnection() }
    let devices = [("gpu", 0), ("gpu", 1), ("card", 0)]
    for ((device, output), source) in zip(devices, [first, second, third]) {
      try await guest.expectSamePicture(source, device: device, output: output)
    }
    // The firmware's text on one, QEMU's own on the others.
    try await guest.expectSamePicture(first, device: "gpu") { $0.width == 720 }
    #expect(client.consoles.first?.width == 720)
    try await eventually {
      [first, second, third].allSatisfy { if case .ready = $0.input.state { true } else { false } }
    }
  }

  /// A head that nobody shows any more takes nothing from the others.
  @Test(arguments: TestMachine.programs)
  func aHeadGoesAlone(program: String) async throws {
    let guest = try DisplayGuest(program, Self.two)
    let client = QEMUDisplayClient(guest.connector, guest: "the guest")
    let second = try QEMUDisplaySource(client, head: 1)
    do {
      let first = try QEMUDisplaySource(client)
      try await first.firstConnection()
      try await eventually { hasPicture(first) }
    }
    try await eventually { hasPicture(second) }
    try await eventually { if case .ready = second.input.state { true } else { false } }
    let again = try QEMUDisplaySource(client)
    try await again.firstConnection()
    try await guest.expectSamePicture(again, device: "gpu")
  }

  /// QEMU has one listener of a console, so a client has one source of a head.
  @Test func aHeadIsShownOnce() async throws {
    let guest = try DisplayGuest(try #require(TestMachine.programs.first), ["-S"] + Self.two)
    let client = QEMUDisplayClient(guest.connector, guest: "the guest")
    let first = try QEMUDisplaySource(client, head: 1)
    let error = #expect(throws: QEMUDisplayError.self) { try QEMUDisplaySource(client, head: 1) }
    #expect("\(error.map { "\($0)" } ?? "")".contains("head 1 is shown here already"))
    try await eventually { hasPicture(first) }
  }

  /// A QEMU that is busy for longer than it may take for an answer is asked again.
  @Test(arguments: TestMachine.programs)
  func aHeadThatFailsIsTriedAgain(program: String) async throws {
    let guest = try DisplayGuest(program, ["-S"] + Self.two)
    let client = QEMUDisplayClient(guest.connector, guest: "the guest")
    try await client.firstConnection()
    kill(guest.process.processIdentifier, SIGSTOP)
    let source = try QEMUDisplaySource(client, head: 1)
    await #expect(throws: QEMUDisplayError.self) { try await source.firstConnection() }
    kill(guest.process.processIdentifier, SIGCONT)
    try await eventually { hasPicture(source) }
    try await eventually { if case .ready = source.input.state { true } else { false } }
  }

  /// A guest that comes back with other devices has other heads.
  @Test(arguments: TestMachine.programs)
  func headsComeAndGoWithQEMU(program: String) async throws {
    let guest = try DisplayGuest(program, ["-S"] + Self.two)
    let client = QEMUDisplayClient(guest.connector, guest: "the guest")
    let told = Mutex<[Int]>([])
    client.onConsoles = { consoles in told.withLock { $0.append(consoles.count) } }
    let first = try QEMUDisplaySource(client)
    let third = try QEMUDisplaySource(client, head: 2)
    try await eventually { hasPicture(first) && hasPicture(third) }
    kill(guest.process.processIdentifier, SIGKILL)
    try await eventually { !hasPicture(first) && !hasPicture(third) }
    #expect(client.consoles.isEmpty)

    let smaller = try DisplayGuest(program, ["-S", "-device", "VGA"], at: guest.folder)
    try await eventually { hasPicture(first) && told.withLock { $0.last == 1 } }
    guard case .noPicture(let reason) = third.poll() else { return #expect(Bool(false)) }
    #expect("\(reason)".contains("no head 2"))
    guard case .viewOnly = third.input.state else { return #expect(Bool(false)) }
    kill(smaller.process.processIdentifier, SIGKILL)
    smaller.process.waitUntilExit()

    let larger = try DisplayGuest(program, ["-S"] + Self.two, at: guest.folder)
    try await eventually { hasPicture(first) && hasPicture(third) }
    try await eventually { told.withLock { $0.count } >= 3 }
    #expect(told.withLock(\.self) == [3, 1, 3])
    larger.end()
  }

  @Test func aHeadThatIsNotThereSaysSo() async throws {
    let guest = try DisplayGuest(try #require(TestMachine.programs.first), ["-S"] + Self.two)
    let client = QEMUDisplayClient(guest.connector, guest: "the guest")
    try await client.firstConnection()
    let source = try QEMUDisplaySource(client, head: 3)
    let error = await #expect(throws: QEMUDisplayError.self) { try await source.firstConnection() }
    #expect("\(error.map { "\($0)" } ?? "")".contains("there is no head 3"))
    #expect(client.consoles.count == 3)
  }
}
