// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension WindowTests {
  /// Windows of a QEMU that sends what no QEMU sends (Tests/FakeQEMU/hostile-qemu.py). They take a minute or
  /// two.
  @Suite(.needs("python3"), .timeLimit(.minutes(15))) struct HostileDisplayTests {
    /// What a person does in the hostile window, in which the guest hears nothing.
    private func type(on screen: Screen) throws {
      try screen.xdotool("mousemove", "\(Int.random(in: 10..<300))", "120")
      try screen.xdotool("key", "a")
    }

    /// What a process has after each round of the attacks.
    private func rounds(
      _ count: Int, of qemu: FakeQEMU, against viewer: Tool, on screen: Screen,
      meanwhile: () throws -> Void = {}
    ) throws -> [ProcessHoldings] {
      var rounds: [ProcessHoldings] = []
      let deadline = Date(timeIntervalSinceNow: 600)
      while rounds.count < count {
        try #require(viewer.isRunning && qemu.isRunning && Date() < deadline, "\(rounds)")
        try type(on: screen)
        try meanwhile()
        if qemu.rounds > rounds.count {
          rounds.append(try #require(ProcessHoldings(of: viewer.pid)))
        }
      }
      return rounds
    }

    /// The first round makes what stays: threads of a pool, the drivers' and GLib's own memory.
    private func expectNoGrowth(
      _ rounds: [ProcessHoldings], location: SourceLocation = #_sourceLocation
    ) {
      guard let first = rounds.first, let last = rounds.last else { return }
      let memory = rounds.map { $0.memory + $0.sharedMemory }
      #expect(
        (memory.last ?? 0) - (memory.first ?? 0) < 32 << 10, "\(rounds)", sourceLocation: location)
      #expect(last.count - first.count < 40, "\(rounds)", sourceLocation: location)
      #expect(last.threads - first.threads < 8, "\(rounds)", sourceLocation: location)
    }

    @Test func aWindowBearsIt() throws {
      let screen = try Screen(.xvfb)
      let qemu = try FakeQEMU("hostile-qemu", "0", "2", "stays")
      let viewer = try screen.start(Screen.program("vgpu"), ["view", "qmp:\(qemu.path)"])
      expectNoGrowth(try rounds(4, of: qemu, against: viewer, on: screen))
      viewer.terminate()
      #expect(try viewer.finish().status == 0)
    }

    /// A window of a good guest in the same process shows its frames meanwhile.
    @Test func otherWindowsAreUndisturbed() throws {
      let screen = try Screen(.xvfb)
      let qemu = try FakeQEMU("hostile-qemu", "1", "2", "stays")
      let viewer = try screen.view(["views", "width=320", "height=240"], isTold: true)
      _ = try viewer.carryOut("view")
      _ = try viewer.carryOut("display \(qemu.path)")
      let rounds = try rounds(4, of: qemu, against: viewer, on: screen) {
        // It answers when the good window has presented thirty frames more.
        _ = try viewer.carryOut("frames")
      }
      expectNoGrowth(rounds)
      try viewer.tell("quit")
      #expect(try viewer.finish().status == 0)
    }
  }
}
