// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import BridgeProtocol
import Foundation
import HostDevices
import TestPatterns
import TestSupport
import Testing

extension RigTests {
  /// A guest, two bridges and a viewer of each, of which some are killed at random and started again, as
  /// systemd would: everybody shows new frames again, and nobody has more of the kernel's than before.
  ///
  /// By itself it kills each once. VGPU_SOAK_SECONDS in the environment makes it go on for as long, which
  /// tells of growth too, and VGPU_SOAK_SEED makes it another (`Scripts/soak`).
  @Suite struct BridgeSoakTests {
    private static let pattern = TestPattern(width: 320, height: 240)
    /// Each kind dies twice before anything is compared: what is loaded once is loaded then.
    private static let warmUp = 6

    /// What is started again whenever it has ended.
    private final class Supervised {
      let name: String
      let kind: String
      private let start: () throws -> Child
      private(set) var child: Child
      private(set) var starts = 1
      private(set) var kills = 0
      /// The most that it had of each kind of descriptor while all was well, in the first rounds.
      var limits: [String: Int] = [:]
      /// What it had at the end of each round.
      var history: [ProcessHoldings] = []

      init(_ name: String, kind: String, start: @escaping () throws -> Child) throws {
        self.name = name
        self.kind = kind
        self.start = start
        child = try start()
      }

      func kill() {
        child.kill()
        kills += 1
      }

      func startAgain() throws {
        guard !child.isRunning else { return }
        child = try start()
        starts += 1
      }
    }

    private let compositors: [Compositor]
    private let sockets = (0..<2).map { _ in "/dev/shm/soak-\(UUID().uuidString).sock" }

    init() throws {
      // One that takes the guest's own buffers, and one that does not.
      compositors = try ["gl", "pixman"].map {
        try Compositor(width: 500, height: 400, renderer: $0)
      }
    }

    @Test func whateverIsKilledComesBack() throws {
      let environment = ProcessInfo.processInfo.environment
      let seconds = environment["VGPU_SOAK_SECONDS"].flatMap { Double($0) }
      let seed = environment["VGPU_SOAK_SEED"].flatMap { UInt64($0) } ?? 6
      print("soak: seed \(seed), \(seconds.map { "\($0) s" } ?? "a round for each")")
      defer { for socket in sockets { unlink(socket) } }
      try Rig.withVGPU("mbochs-small") { vGPU in
        let parts = try makeParts(vGPU)
        defer {
          for part in parts { part.child.kill() }
          LaunchTests.waitUntilUnused(vGPU.uuid)
        }
        try soak(parts, until: seconds.map { Date(timeIntervalSinceNow: $0) }, seed)
        report(parts)
        for part in parts where part.kills == 0 { expectNoGrowth(part) }
      }
    }

    /// The first bridge dies, and its viewer lives on; with the second it is the other way round.
    private func makeParts(_ vGPU: MdevDevice) throws -> [Supervised] {
      let qemu = try LaunchTests.part("qemu") + "/usr/bin/qemu-system-x86_64"
      let guest = try LaunchTests.part("guests") + "/bootguest.elf"
      let device = "vfio-pci,sysfsdev=/sys/bus/mdev/devices/\(vGPU.uuid),display=off"
      var parts = [
        try Supervised("guest", kind: "QEMU") {
          try Child(
            qemu,
            [
              "-M", "pc", "-m", "64", "-nodefaults", "-display", "none", "-device", device,
              "-kernel", guest, "-append", "mode=320x240 fps=10 buffers=3",
            ])
        }
      ]
      for (index, socket) in sockets.enumerated() {
        parts.append(
          try Supervised("bridge \(index + 1)", kind: index == 0 ? "bridge" : "lasting") {
            try Child(
              "vgpu", ["bridge", "--socket", socket, "--user", "65534", "\(vGPU.uuid)"])
          })
      }
      for (index, socket) in sockets.enumerated() {
        let environment = compositors[index].environment
        parts.append(
          try Supervised("viewer \(index + 1)", kind: index == 0 ? "lasting" : "viewer") {
            try Child("vgpu", ["view", "bridge:\(socket)"], environment: environment)
          })
      }
      return parts
    }

    private func soak(_ parts: [Supervised], until end: Date?, _ seed: UInt64) throws {
      var generator = SeededGenerator(seed: seed)
      var victims: [String] = []
      try recover(parts)
      var round = 0
      while round < 3 || end.map({ round < Self.warmUp || Date() < $0 }) == true {
        if victims.isEmpty { victims = ["QEMU", "bridge", "viewer"].shuffled(using: &generator) }
        usleep(.random(in: 0..<500_000, using: &generator))
        let victim = victims.removeLast()
        try kill(victim, parts, &generator)
        // Sometimes while what was killed before is coming back.
        if end != nil, Int.random(in: 0..<3, using: &generator) == 0 {
          for part in parts { try part.startAgain() }
          usleep(.random(in: 0..<1_000_000, using: &generator))
          let another = ["QEMU", "bridge", "viewer"].randomElement(using: &generator) ?? "QEMU"
          try kill(another, parts, &generator)
        }
        try recover(parts)
        print("soak: round \(round + 1), \(victim): everybody is back")
        for part in parts { try note(part, isWarmUp: round < Self.warmUp) }
        round += 1
      }
    }

    private func kill(
      _ kind: String, _ parts: [Supervised], _ generator: inout SeededGenerator
    ) throws {
      try #require(parts.filter { $0.kind == kind }.randomElement(using: &generator)).kill()
    }

    /// Starts again what has ended, until every viewer shows new frames and each bridge has no clients
    /// but those.
    private func recover(_ parts: [Supervised]) throws {
      let deadline = Date(timeIntervalSinceNow: 180)
      for (compositor, viewer) in zip(compositors, parts.filter { $0.name.hasPrefix("viewer") }) {
        // One may be on its way from before, and one be the first that was looked at.
        var numbers: Set<UInt32> = []
        while numbers.count < 3 {
          try #require(Date() < deadline, "\(viewer.name) shows nothing new")
          for part in parts { try part.startAgain() }
          if let found = try compositor.picture().find(Self.pattern), found.wrong == 0 {
            numbers.insert(found.frame)
          } else {
            usleep(100_000)
          }
        }
      }
      // Its viewer, and who asks.
      for socket in sockets {
        while try BridgeListing(path: socket).counters.clients != 2 {
          try #require(Date() < deadline, "clients that have gone are kept")
          usleep(20_000)
        }
      }
    }

    /// Notes what a process has once that holds still; later, once it has no more than then.
    private func note(_ part: Supervised, isWarmUp: Bool) throws {
      let deadline = Date(timeIntervalSinceNow: 60)
      var last: ProcessHoldings?
      var same = 0
      while true {
        let now = try #require(ProcessHoldings(of: part.child.pid), "\(part.name) has ended")
        same = now.descriptors == last?.descriptors ? same + 1 : 0
        last = now
        if isWarmUp ? same >= 5 : now.excess(over: part.limits).isEmpty { break }
        let excess = "\(now.excess(over: part.limits)) of \(now.descriptors)"
        try #require(Date() < deadline, "\(part.name) has more than \(part.limits): \(excess)")
        usleep(50_000)
      }
      guard let last else { return }
      if isWarmUp { part.limits.merge(last.descriptors) { max($0, $1) } }
      part.history.append(last)
    }

    /// Memory goes up and down by what is drawn and cached, so thirds of the time are compared.
    private func expectNoGrowth(_ part: Supervised) {
      let memory = part.history.dropFirst(Self.warmUp).map(\.memory)
      let third = memory.count / 3
      // Too few to tell anything.
      guard third >= 5 else { return }
      let first = memory.prefix(third).sorted()[third / 2]
      let last = memory.suffix(third).sorted()[third / 2]
      #expect(last - first < 1024, "\(part.name): \(first) KiB, then \(last) KiB")
    }

    private func report(_ parts: [Supervised]) {
      for part in parts {
        let measured = part.history.dropFirst(Self.warmUp)
        guard let first = measured.first, let last = measured.last else { continue }
        print(
          "soak: \(part.name): killed \(part.kills) times, started \(part.starts) times,",
          "\(measured.count) rounds, descriptors \(first.count) to \(last.count),",
          "memory \(first.memory) to \(last.memory) KiB")
      }
    }
  }
}
