// SPDX-License-Identifier: Apache-2.0

import CAllocationCount
import DMABuf
import Foundation
import HostDevices
import LinuxSystem
import TestPatterns
import Testing
import VFIO
import VGPUDisplay

@testable import Attachment

extension RigTests {
  /// Looking at guests in other processes, and their coming and going.
  @Suite struct AttachmentTests {
    /// Polls until the source says what is hoped for; a guest needs a moment.
    private func wait(
      for what: String, _ source: AttachedSource, seconds: Double = 10,
      _ location: SourceLocation = #_sourceLocation, until isThere: (DisplayState) -> Bool
    ) throws {
      let start = MonotonicInstant.now
      while MonotonicInstant.now.seconds(since: start) < seconds {
        if isThere(source.poll()) { return }
        usleep(5000)
      }
      Issue.record("waited \(seconds) s for \(what)", sourceLocation: location)
    }

    private func isFrame(_ state: DisplayState) -> Bool {
      if case .frame = state { true } else { false }
    }

    private func isWaiting(_ state: DisplayState) -> Bool {
      if case .noPicture(.waiting) = state { true } else { false }
    }

    /// Finds a vGPU as on a kernel that can open a device again, or not.
    static func find(_ uuid: MdevUUID, canReopen: Bool) throws {
      var finder = GuestFinder(host: HostHardware())
      finder.canReopen = canReopen
      _ = try finder.find(.mdev(uuid), descriptor: nil)
    }

    @Test func onlyDeviceOfTheOnlyGroupNeedsNoNewKernel() throws {
      try Rig.withGuest("mbochs-small", ["--mode", "320x200"]) { vGPU, _ in
        try Self.find(vGPU.uuid, canReopen: false)
      }
    }

    @Test(arguments: ["group", "cdev"])
    func guestThatEndsIsLetGoAndFoundAgain(interface: String) throws {
      let before = try Rig.openDescriptors()
      try Rig.withVGPU("mbochs-small") { vGPU in
        let arguments = ["\(vGPU.uuid)", "--mode", "320x200", "--interface", interface]
        let first = try Child("rig-guest", arguments)
        #expect(try first.line() == "ready 320x200")
        // By its process, which ends; the vGPU is known from it.
        let source = try AttachedSource(.process(first.pid))
        #expect(source.name.contains("\(vGPU.uuid)"))
        try wait(for: "a frame", source, until: isFrame)
        first.kill()
        try wait(for: "the end", source, until: isWaiting)
        // The kernel would answer EBUSY if the viewer still held the device.
        let second = try Child("rig-guest", arguments + ["--first", "1000"])
        #expect(try second.line() == "ready 320x200")
        try wait(for: "a frame", source, until: isFrame)
        #expect(source.counters.gets >= 2)
        second.kill()
        try wait(for: "the end", source, until: isWaiting)
      }
      let after = try Rig.openDescriptors()
      #expect(after == before, "\(after.difference(from: before))")
    }

    @Test func vGPUWithoutAGuestIsWaitedFor() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        #expect(throws: AttachmentError.self) { try AttachedSource(.mdev(vGPU.uuid)) }
        let source = try AttachedSource(.mdev(vGPU.uuid), waiting: true)
        #expect(isWaiting(source.poll()))
        let guest = try Child("rig-guest", ["\(vGPU.uuid)", "--mode", "320x200"])
        try wait(for: "a frame", source, until: isFrame)
        guest.kill()
        try wait(for: "the end", source, until: isWaiting)
      }
    }

    @Test func vGPUThatGoesMeanwhileIsWaitedFor() throws {
      let host = HostHardware()
      let device = try host.create(type: "mbochs-small")
      let guest = try Child("rig-guest", ["\(device.uuid)", "--mode", "320x200"])
      #expect(try guest.line() != nil)
      let source = try AttachedSource(.mdev(device.uuid))
      try wait(for: "a frame", source, until: isFrame)
      guest.kill()
      try wait(for: "the end", source, until: isWaiting)
      try host.remove(device.uuid)
      try wait(for: "a message that it is gone", source) { state in
        if case .noPicture(let reason) = state {
          reason.description.contains("is gone")
        } else {
          false
        }
      }
      _ = try host.create(type: "mbochs-small", uuid: device.uuid)
      let again = try Child("rig-guest", ["\(device.uuid)", "--mode", "320x200"])
      try wait(for: "a frame", source, until: isFrame)
      again.kill()
      try wait(for: "the end", source, until: isWaiting)
      try host.remove(device.uuid)
    }

    @Test func modeSetsAndBlankScreensAreFollowed() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        // Three guests in turn on one vGPU are three modes for whoever waits for it.
        let source = try AttachedSource(.mdev(vGPU.uuid), waiting: true)
        for mode in [(320, 200), (640, 480), (64, 64)] {
          let guest = try Child(
            "rig-guest", ["\(vGPU.uuid)", "--mode", "\(mode.0)x\(mode.1)", "--fps", "0"])
          try wait(for: "mode \(mode)", source) { state in
            guard case .frame(let frame) = state else { return false }
            return frame.primary.layout.width == mode.0 && frame.primary.layout.height == mode.1
          }
          guest.kill()
          try wait(for: "the end", source, until: isWaiting)
        }
      }
    }

    /// One process is guest and viewer here: with the rig's one CPU, two would take turns at the
    /// clock's tick, a flip each.
    @Test func manyFlipsLeaveNothingBehind() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let container = try Container()
        let group = try Group(number: try #require(vGPU.iommuGroup))
        try group.setContainer(container)
        try container.setIOMMU(.type1v2)
        let device = try group.device(named: "\(vGPU.uuid)")
        let registers = try device.regionInfo(PCIRegion.bar(2))
        let mode: [(UInt64, UInt16)] = [(1, 64), (2, 64), (3, 32), (6, 64), (7, 192), (4, 0x41)]
        for (register, value) in mode {
          try device.write(registers, at: 0x500 + register * 2, value)
        }
        let source = DisplaySource(try device.displayDevice())
        func flip(_ count: Int) throws {
          for step in 0..<count {
            try device.write(registers, at: 0x512, UInt16(step % 3 * 64))
            // A mode's first query answers ENOMEM; the last frame is shown meanwhile.
            if case .noPicture = source.poll() { _ = source.poll() }
          }
        }
        try flip(1000)
        let descriptors = try Rig.openDescriptors()
        let memory = try residentKilobytes()
        let counters = source.counters
        let allocations = allocation_count()
        try flip(100_000)
        #expect(allocation_count() - allocations == 0, "with the register writes that flip")
        #expect(source.counters.flips - counters.flips >= 99_999)
        #expect(source.counters.gets == counters.gets, "no buffer is asked for again")
        #expect(try Rig.openDescriptors() == descriptors)
        // The allocator may keep a page or two; 100,000 of anything would be megabytes.
        #expect(try residentKilobytes() - memory < 256)
      }
    }

    private func residentKilobytes() throws -> Int {
      let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
      let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
      return try #require(line.split(separator: " ").compactMap { Int($0) }.first)
    }
  }
}
