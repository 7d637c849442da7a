// SPDX-License-Identifier: Apache-2.0

import Foundation
import GuestInput
import LinuxSystem
import QMP
import TestSupport
import Testing

@testable import GuestControl

/// With the real QEMUs.
@Suite(.serialized, .timeLimit(.minutes(15))) struct ControlTests {
  private let a = Keycode(rawValue: 30)
  private let b = Keycode(rawValue: 48)
  private static let tablet = ["-device", "qemu-xhci", "-device", "usb-tablet"]

  @Test(.needs("qemu-system-x86_64"), arguments: TestMachine.programs) func inputArrivesInOrder(
    _ program: String
  ) async throws {
    let machine = try TestMachine(program, Self.tablet)
    let control = GuestController(.socket(machine.path))
    try await eventually { control.isReady }
    #expect(control.machine == .running)
    control.send(.absolute(x: 100, y: 200))
    control.send(.button(.left, down: true))
    control.send(.button(.left, down: false))
    control.send(.wheel(.vertical, notches: -2))
    control.send(.relative(dx: 5, dy: -6))
    control.send(.key(a, down: true))
    control.send(.key(a, down: true))
    control.send(.key(a, down: false))
    try await eventually { machine.input.contains("key a 0") }
    let input = machine.input
    #expect(
      input.filter { $0 != "sync" } == [
        "abs x 100", "abs y 200", "btn left 1", "btn left 0",
        "btn wheel-up 1", "btn wheel-up 0", "btn wheel-up 1", "btn wheel-up 0",
        "rel x 5", "rel y -6", "key a 1", "key a 0",
      ])
    // A tablet is told at a sync, and would miss a button that came and went between two.
    let press = try #require(input.firstIndex(of: "btn left 1"))
    let release = try #require(input.firstIndex(of: "btn left 0"))
    #expect(input[press..<release].contains("sync"))
    await control.close()
  }

  @Test func everyButtonArrives() async throws {
    let machine = try TestMachine(nil, Self.tablet)
    let control = GuestController(.socket(machine.path))
    try await eventually { control.isReady }
    for button in PointerButton.allCases {
      control.send(.button(button, down: true))
      control.send(.button(button, down: false))
    }
    control.send(.wheel(.vertical, notches: 1))
    control.send(.wheel(.horizontal, notches: -1))
    control.send(.wheel(.horizontal, notches: 1))
    let wanted = [
      "left", "middle", "right", "side", "extra", "wheel-down",
    ].flatMap { ["btn \($0) 1", "btn \($0) 0"] }
    // There and back is nothing.
    try await eventually { machine.input.filter { $0 != "sync" }.count >= wanted.count }
    #expect(machine.input.filter { $0 != "sync" } == wanted)
    control.send(.wheel(.horizontal, notches: -1))
    try await eventually { machine.input.contains("btn wheel-left 0") }
    control.send(.wheel(.horizontal, notches: 1))
    try await eventually { machine.input.contains("btn wheel-right 0") }
    await control.close()
  }

  @Test func pointersKindIsFollowed() async throws {
    let machine = try TestMachine(sockets: 2, ["-machine", "i8042=off,vmport=off"])
    let control = GuestController(.socket(machine.path))
    try await eventually { control.isReady }
    #expect(control.state == .ready([.keyboard, .mouse]))
    let other = try await QMPClient(path: machine.paths[1])
    try await other.execute("device_add", arguments: ["driver": "virtio-tablet-pci"])
    try await eventually { control.state == .ready([.keyboard, .mouse, .tablet]) }
    await other.close()
    await control.close()
  }

  @Test func sleepingTabletIsNoPointer() async throws {
    // A USB tablet becomes the guest's pointer as its driver starts it. Here nobody does.
    let machine = try TestMachine(nil, Self.tablet)
    let control = GuestController(.socket(machine.path))
    try await eventually { control.isReady }
    #expect(control.state == .ready([.keyboard, .mouse]))
    await control.close()
  }

  @Test func focusLossReleasesAll() async throws {
    let machine = try TestMachine()
    let control = GuestController(.socket(machine.path))
    try await eventually { control.isReady }
    control.send(.key(a, down: true))
    control.send(.button(.left, down: true))
    control.releaseAll()
    try await eventually {
      machine.input.contains("btn left 0") && machine.input.contains("key a 0")
    }
    #expect(machine.down == [])
    await control.close()
  }

  @Test(.needs("qemu-system-x86_64"), arguments: TestMachine.programs)
  func stoppedQEMUGetsWhatMattersLater(_ program: String) async throws {
    let machine = try TestMachine(program, Self.tablet)
    let control = GuestController(.socket(machine.path))
    try await eventually { control.isReady }
    control.send(.key(a, down: true))
    control.send(.button(.left, down: true))
    try await eventually { machine.down == ["key a", "btn left"] }
    machine.signal(SIGSTOP)
    for round in 0..<3000 {
      control.send(.absolute(x: round, y: round))
      control.send(.key(b, down: true))
      control.send(.key(b, down: false))
    }
    control.send(.key(a, down: false))
    control.send(.button(.left, down: false))
    control.send(.key(b, down: true))
    try await eventually { control.reason?.contains("does not answer") == true }
    machine.signal(SIGCONT)
    try await eventually { machine.down == ["key b"] && control.isReady }
    control.send(.key(b, down: false))
    try await eventually { machine.down == [] }
    await control.close()
  }

  @Test func pausedGuestIsNotSurprised() async throws {
    let machine = try TestMachine(sockets: 2)
    let other = try await QMPClient(path: machine.paths[1])
    let control = GuestController(.socket(machine.path))
    try await eventually { control.isReady }
    control.send(.key(a, down: true))
    try await eventually { machine.down == ["key a"] }
    try await other.execute(Stop())
    try await eventually { control.reason == "the guest is paused" }
    #expect(control.machine == .paused)
    control.send(.key(b, down: true))
    control.send(.key(b, down: false))
    control.send(.absolute(x: 1, y: 1))
    control.send(.key(a, down: false))
    try await other.execute(Continue())
    try await eventually { machine.down == [] }
    try await eventually { control.isReady }
    #expect(machine.input.filter { $0 != "sync" } == ["key a 1", "key a 0"])
    await control.close()
    await other.close()
  }

  @Test func machineWithoutDevicesTakesWhatItCan() async throws {
    // No keyboard and no mouse but a tablet: what has no device takes nothing else with it.
    let machine = try TestMachine(
      nil, ["-machine", "i8042=off,vmport=off", "-device", "virtio-tablet-pci"])
    let control = GuestController(.socket(machine.path))
    try await eventually { control.state == .ready([.keyboard, .mouse, .tablet]) }
    var events = control.events().makeAsyncIterator()
    control.send(.relative(dx: 1, dy: 1))
    control.send(.key(a, down: true))
    control.send(.button(.left, down: true))
    control.send(.key(a, down: false))
    control.send(.button(.left, down: false))
    try await eventually { machine.input.contains("btn left 0") }
    #expect(machine.input.filter { $0 != "sync" } == ["btn left 1", "btn left 0"])
    #expect(await events.next() == .unknownKey(a))
    await control.close()
  }

  @Test func killedQEMUIsFoundAgain() async throws {
    let machine = try TestMachine()
    let control = GuestController(.socket(machine.path))
    try await eventually { control.isReady }
    control.send(.key(a, down: true))
    try await eventually { machine.down == ["key a"] }
    machine.kill()
    try await eventually { control.reason != nil }
    control.send(.key(b, down: true))
    let next = try TestMachine(replacing: machine)
    try await eventually { control.isReady }
    // The old one's key is not the new one's.
    control.send(.key(a, down: false))
    control.send(.key(b, down: false))
    control.send(.key(a, down: true))
    control.send(.key(a, down: false))
    try await eventually { next.input.contains("key a 0") }
    #expect(next.input.filter { $0 != "sync" } == ["key a 1", "key a 0"])
    await control.close()
  }

  @Test func reasonsAreForPeople() async throws {
    let unknown = GuestController(nil)
    #expect(unknown.reason?.contains("not known") == true)
    let missing = GuestController(.socket("/nonexistent/qmp"))
    try await eventually { missing.reason?.contains("-qmp unix:/nonexistent/qmp") == true }
    let machine = try TestMachine()
    let first = GuestController(.socket(machine.path))
    try await eventually { first.isReady }
    let second = GuestController(.socket(machine.path))
    try await eventually { second.reason?.contains("another program") == true }
    let process = try RunningProcess(machine.pid)
    machine.kill()
    try await eventually { first.reason?.contains("has it ended?") == true }
    try await eventually { first.reason?.contains("nothing listens there") == true }
    let ended = GuestController(.process(process))
    try await eventually { ended.reason == "process \(machine.pid) has ended" }
    let own = GuestController(try .process(RunningProcess(getpid())))
    try await eventually { own.reason?.contains("has no QMP socket") == true }
    for control in [unknown, missing, first, second, ended, own] {
      #expect(control.reason?.contains("\n") == false)
      await control.close()
    }
  }

  @Test func processNamesItsSockets() async throws {
    // The first is taken, so the second is used. Both are relative to QEMU's folder.
    let machine = try TestMachine(sockets: 2)
    let first = GuestController(try .process(RunningProcess(machine.pid)))
    try await eventually { first.isReady }
    let second = GuestController(try .process(RunningProcess(machine.pid)))
    try await eventually { second.isReady }
    let third = GuestController(try .process(RunningProcess(machine.pid)))
    try await eventually { third.reason?.contains("another program") == true }
    for control in [first, second, third] { await control.close() }
  }

  /// A process can name what it likes in its command line: it gets no keys typed into another's guest.
  @Test func socketThatAnotherServesIsRefused() async throws {
    let machine = try TestMachine()
    let hostile = Process()
    hostile.executableURL = URL(filePath: "/bin/sh")
    hostile.arguments = [
      "-c", "read line", "-qmp", "unix:\(machine.path),server=on,wait=off",
    ]
    let input = Pipe()
    hostile.standardInput = input
    try hostile.run()
    let hostileProcess = try RunningProcess(hostile.processIdentifier)
    let control = GuestController(.process(hostileProcess))
    try await eventually {
      control.reason?.contains("process \(machine.pid) serves it") == true
    }
    await control.close()
    // Beside it, the one that has the monitor is found.
    let both = GuestController(.firstOf([hostileProcess, try RunningProcess(machine.pid)]))
    try await eventually { both.isReady }
    await both.close()
    try input.fileHandleForWriting.close()
    hostile.waitUntilExit()
  }

  @Test func endpointIsFollowed() async throws {
    let (one, other) = (try TestMachine(), try TestMachine())
    let control = GuestController(.socket(one.path))
    try await eventually { control.isReady }
    control.send(.key(a, down: true))
    try await eventually { one.down == ["key a"] }
    control.follow(try .process(RunningProcess(other.pid)))
    try await eventually { control.isReady }
    control.send(.key(a, down: false))
    control.send(.key(b, down: true))
    try await eventually { other.down == ["key b"] }
    #expect(other.input.filter { $0 != "sync" } == ["key b 1"])
    #expect(one.down == [])
    // The old socket is free again.
    let client = try await QMPClient(path: one.path)
    await client.close()
    await control.close()
  }

  @Test func closedControlLeavesNothingDown() async throws {
    let machine = try TestMachine()
    let control = GuestController(.socket(machine.path))
    try await eventually { control.isReady }
    control.send(.key(a, down: true))
    control.send(.button(.left, down: true))
    try await eventually { machine.down == ["key a", "btn left"] }
    await control.close()
    #expect(machine.down == [])
    #expect(control.send(.key(b, down: true)) == .refused)
  }

  @Test func power() async throws {
    let machine = try TestMachine(nil, ["-no-shutdown"])
    let control = GuestController(.socket(machine.path))
    try await eventually { control.isReady }
    var events = control.events().makeAsyncIterator()
    try await control.powerDown()
    try await control.reset()
    #expect(await events.next() == .reset(byGuest: false))
    #expect(try await control.status() == .running)
    try await control.quit()
    #expect(await events.next() == .machine(.poweredOff))
    #expect(await events.next() == .shutdown(byGuest: false, cause: "host-qmp-quit"))
    guard case .disconnected(let reason) = await events.next() else {
      Issue.record("still connected")
      return
    }
    #expect(reason == "the guest has powered off")
    #expect(control.reason == reason)
    await #expect(throws: QMPError.disconnected(object: reason)) {
      try await control.execute(QueryStatus())
    }
    await control.close()
    #expect(await events.next() == nil)
  }

  /// Nothing is left of a control: no descriptor, no thread, and the socket is free.
  @Test func nothingIsLeft() async throws {
    let machine = try TestMachine()
    func sockets() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count { name in
        let link = try? FileManager.default.destinationOfSymbolicLink(
          atPath: "/proc/self/fd/\(name)")
        return link?.hasPrefix("socket:") == true || link == "anon_inode:[eventfd]"
      }
    }
    func threads() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
    }
    let before = (try sockets(), try threads())
    for round in 0..<30 {
      weak var core: ConnectionSupervisor?
      do {
        let control = GuestController(.socket(machine.path))
        core = control.supervisor
        try await eventually { control.isReady }
        control.send(.key(a, down: true))
        // Half of them are only let go of.
        if round % 2 == 0 { await control.close() }
      }
      try await eventually { core == nil }
    }
    // Other tests run at the same time; thirty leaks would be seen all the same.
    try await eventually { try sockets() <= before.0 + 10 && threads() <= before.1 + 10 }
  }
}

extension TestMachine {
  /// What is down, in the order of its press.
  fileprivate var down: [String] {
    var down: [String] = []
    for line in input where line.hasPrefix("key") || line.hasPrefix("btn") {
      let name = String(line.dropLast(2))
      down.removeAll { $0 == name }
      if line.hasSuffix(" 1") { down.append(name) }
    }
    return down
  }
}
