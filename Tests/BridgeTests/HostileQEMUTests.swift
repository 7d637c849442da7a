// SPDX-License-Identifier: Apache-2.0

import CLinux
import Foundation
import TestSupport
import Testing

/// A bridge that shows a real guest, and beside it a QEMU that sends what no QEMU sends: wrong types, huge
/// sizes, files that are no buffers, floods, silence (Tests/FakeQEMU/hostile-qemu.py).
@Suite(.needs("qemu-system-x86_64", "python3"), .serialized, .timeLimit(.minutes(15)), .onOwnThread)
final class HostileQEMUTests {
  private let bridge: BridgeProgram

  init() throws { bridge = try BridgeProgram() }

  @Test func othersAreUndisturbed() throws {
    let good = try TestMachine(nil, ["-S", "-device", "bochs-display", "-display", "dbus,p2p=yes"])
    let parts = 4
    let bad = try (0..<parts).map { try FakeQEMU("hostile-qemu", "\($0)", "\(parts)") }
    try bridge.start(["qmp:\(good.path)"] + bad.map { "qmp:\($0.path)" })
    let list = try bridge.list()
    let lines = list.split(separator: "\n").filter { $0.contains("qmp:") }
    func identifier(_ path: String) throws -> String {
      let line = try #require(lines.first { $0.contains("qmp:\(path)") }, "\(list)")
      return try #require(line.split(separator: " ").first.map(String.init))
    }
    let goodOne = try identifier(good.path)
    let badOnes = try bad.map { try identifier($0.path) }
    let before = try #require(try bridge.screenshot(goodOne).png)

    var rounds: [ProcessHoldings] = []
    // Its first client begins the first attack.
    while rounds.count < 3 {
      for one in badOnes { _ = try bridge.screenshot(one, seconds: 1) }
      #expect(try bridge.screenshot(goodOne).png == before, "the real guest's picture")
      try #require(bridge.isRunning && bad.allSatisfy(\.isRunning))
      if bad.allSatisfy({ $0.rounds > rounds.count }) {
        rounds.append(try #require(ProcessHoldings(of: bridge.pid)))
      }
    }
    // The first round makes what stays: threads of a pool, GLib's own memory.
    let memory = rounds.map { $0.memory + $0.sharedMemory }
    #expect(memory[2] - memory[0] < 16 << 10, "\(rounds)")
    #expect(rounds[2].count - rounds[0].count < 40, "\(rounds)")
    #expect(rounds[2].threads - rounds[0].threads < 8, "\(rounds)")
  }
}
