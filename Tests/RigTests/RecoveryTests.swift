// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import TestPatterns
import Testing
import VGPUDisplay

extension RigTests {
  /// A guest, its viewer or its vGPU goes at a bad moment, without a word.
  @Suite struct RecoveryTests {
    private static let pattern = TestPattern(width: 640, height: 480)

    private let compositor: Compositor

    init() throws {
      compositor = try Compositor(width: 720, height: 600)
    }

    private func view(_ vGPU: MdevUUID) throws -> Child {
      try Child("vgpu", ["view", "\(vGPU)"], environment: compositor.environment)
    }

    /// A QEMU whose guest stops at a frame.
    private func guest(_ vGPU: MdevDevice, frames: Int) throws -> Child {
      try QEMUTests.bootGuest(vGPU, "mode=640x480 fps=60 frames=\(frames)")
    }

    /// Waits until the viewer's window shows what is hoped for.
    private func waitForPicture(
      in viewer: Child, location: SourceLocation = #_sourceLocation,
      _ isThere: (Found?) -> Bool
    ) throws {
      let found = try compositor.find(Self.pattern, in: viewer, until: isThere)
      try #require(isThere(found), sourceLocation: location)
    }

    private func expectNothingHeld(
      by viewer: Child, location: SourceLocation = #_sourceLocation
    ) throws {
      let held = try GuestHoldings.of(viewer.pid)
      #expect(held.isEmpty, "\(held)", sourceLocation: location)
    }

    @Test func killedQEMUAndKilledViewer() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let viewer = try view(vGPU.uuid)
        defer { viewer.kill() }
        for frames in [20, 40] {
          let qemu = try guest(vGPU, frames: frames)
          defer { qemu.kill() }
          try waitForPicture(in: viewer) { $0?.frame == UInt32(frames - 1) && $0?.wrong == 0 }
          #expect(try GuestHoldings.of(viewer.pid).contains("a buffer"))
          qemu.kill()
          // A message instead of the last picture.
          try waitForPicture(in: viewer) { $0 == nil }
          try expectNothingHeld(by: viewer)
          #expect(HostHardware().users(of: vGPU.uuid).isEmpty)
        }

        let qemu = try guest(vGPU, frames: 60)
        defer { qemu.kill() }
        try waitForPicture(in: viewer) { $0?.frame == 59 }
        kill(viewer.pid, SIGKILL)
        viewer.kill()
        #expect(qemu.isRunning)
        #expect(HostHardware().users(of: vGPU.uuid) == [qemu.pid])
        let another = try view(vGPU.uuid)
        defer { another.kill() }
        try waitForPicture(in: another) { $0?.frame == 59 && $0?.wrong == 0 }
      }
    }

    @Test func stoppedQEMUGoesOn() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let qemu = try guest(vGPU, frames: 0)
        defer { qemu.kill() }
        let viewer = try view(vGPU.uuid)
        defer { viewer.kill() }
        try waitForPicture(in: viewer) { ($0?.frame ?? 0) > 10 }
        kill(qemu.pid, SIGSTOP)
        // The frame on its way is shown, and then no other.
        sleep(1)
        let stopped = try #require(try compositor.picture().find(Self.pattern))
        sleep(2)
        let later = try #require(try compositor.picture().find(Self.pattern))
        #expect(viewer.isRunning && later.frame == stopped.frame && later.wrong == 0)
        kill(qemu.pid, SIGCONT)
        try waitForPicture(in: viewer) { ($0?.frame ?? 0) > stopped.frame }

        // The last look at a guest that is stopped for good.
        kill(qemu.pid, SIGSTOP)
        kill(qemu.pid, SIGKILL)
        try waitForPicture(in: viewer) { $0 == nil }
        try expectNothingHeld(by: viewer)
      }
    }

    @Test func vGPUThatIsRemovedWhileViewed() throws {
      let host = HostHardware()
      let vGPU = try host.create(type: "mbochs-small")
      let viewer = try view(vGPU.uuid)
      defer { viewer.kill() }
      let qemu = try guest(vGPU, frames: 20)
      defer { qemu.kill() }
      try waitForPicture(in: viewer) { $0?.frame == 19 }

      let refused = try run("vgpu", "remove", "\(vGPU.uuid)")
      #expect(refused.code == 75 && refused.errors.contains("in use"), "\(refused.errors)")
      // The kernel makes whoever insists wait for the last one that has it open, the viewer too.
      let removal = try Child(
        "/bin/sh", ["-c", "echo 1 > /sys/bus/mdev/devices/\(vGPU.uuid)/remove"])
      sleep(1)
      #expect(removal.isRunning && viewer.isRunning && qemu.isRunning)
      kill(qemu.pid, SIGKILL)
      let end = removal.end()
      #expect(end.code == 0, "\(end.errors)")
      #expect(try host.devices().isEmpty)
      try waitForPicture(in: viewer) { $0 == nil }

      let again = try host.create(type: "mbochs-small", uuid: vGPU.uuid)
      defer { #expect(throws: Never.self) { try host.remove(again.uuid) } }
      let next = try guest(again, frames: 40)
      defer { next.kill() }
      try waitForPicture(in: viewer) { $0?.frame == 39 && $0?.wrong == 0 }
      next.kill()
      LaunchTests.waitUntilUnused(again.uuid)
    }
  }
}
