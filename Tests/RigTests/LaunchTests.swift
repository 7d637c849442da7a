// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import PNGFile
import TestPattern
import Testing
import VGPUDisplay

extension RigTests {
  /// `vgpu run`, through both VFIO interfaces.
  @Suite struct LaunchTests {
    /// Debian 12's QEMU, and one that can be handed an open device.
    private static let programs: [(String, String)] = {
      let newer = try? Child("\(QEMUTests.rig)/prepare", ["--path", "qemu"]).end()
      let folder = newer.map {
        String(decoding: $0.output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
      }
      return [("qemu-system-x86_64", "group")]
        + (folder.map { [("\($0)/usr/bin/qemu-system-x86_64", "descriptors")] } ?? [])
    }()

    private static func guestArguments(_ options: String) throws -> [String] {
      let folder = String(
        decoding: try Child("\(QEMUTests.rig)/prepare", ["--path", "guests"]).end().output,
        as: UTF8.self
      ).trimmingCharacters(in: .whitespacesAndNewlines)
      return ["--", "-kernel", "\(folder)/bootguest.elf", "-append", options]
    }

    @Test(arguments: programs)
    func startedGuestIsSeen(program: String, handover: String) throws {
      let host = HostDevices()
      let launch = try run(
        "vgpu",
        [
          "run", "--vgpu", "mbochs-small", "--qemu", program, "--memory", "128M", "--cpus", "1",
          "--machine", "pc", "--no-view",
        ] + Self.guestArguments("mode=640x480 fps=60 frames=30"))
      #expect(launch.code == 0, "\(launch.errors)")
      let text = String(decoding: launch.output, as: UTF8.self)
      let pid = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
      defer { kill(pid, SIGKILL) }
      let device = try #require(try host.devices().first)
      #expect(host.users(of: device.uuid) == [pid])
      let holds = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").compactMap
      {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\($0)")
      }
      #expect(holds.contains("/dev/iommu") == (handover == "descriptors"))
      let pattern = TestPattern(width: 640, height: 480)
      let picture = try #require(
        try QEMUTests.screenshot("pid:\(pid)") {
          $0.width == 640 && pattern.frameNumber(color: $0.color) == 29
        })
      ScreenshotTests.expect(picture, shows: 29, of: pattern)
      kill(pid, SIGKILL)
      let deadline = Date(timeIntervalSinceNow: 5)
      while !host.users(of: device.uuid).isEmpty, Date() < deadline { usleep(50_000) }
      try host.remove(device.uuid)
    }

    @Test func guestOutlivesItsViewer() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let compositor = try Compositor(width: 720, height: 600)
        let viewer = try Child(
          "vgpu",
          [
            "run", "--vgpu", "\(vGPU.uuid)", "--memory", "128M", "--cpus", "1", "--machine", "pc",
          ] + Self.guestArguments("mode=640x480 fps=60 frames=30"),
          environment: compositor.environment)
        defer { viewer.kill() }
        let pattern = TestPattern(width: 640, height: 480)
        let deadline = Date(timeIntervalSinceNow: 30)
        var isShown = false
        while !isShown, viewer.isRunning, Date() < deadline {
          usleep(300_000)
          isShown = try compositor.picture().find(pattern)?.wrong == 0
        }
        #expect(isShown)
        let pid = try #require(HostDevices().users(of: vGPU.uuid).first { $0 != viewer.pid })
        viewer.kill()
        #expect(kill(pid, 0) == 0, "the guest runs on")
        let picture = try QEMUTests.screenshot("\(vGPU.uuid)") { $0.width == 640 }
        #expect(picture != nil)
        kill(pid, SIGKILL)
        let end = Date(timeIntervalSinceNow: 5)
        while !HostDevices().users(of: vGPU.uuid).isEmpty, Date() < end { usleep(50_000) }
      }
    }

    @Test func guestThatCannotStartLeavesNothing() throws {
      let launch = try run(
        "vgpu", ["run", "--vgpu", "mbochs-small", "--no-view", "--", "-no-such-option"])
      #expect(launch.code == 1)
      #expect(launch.errors.contains("-no-such-option"), "\(launch.errors)")
      #expect(launch.errors.contains("QEMU ended with code 1"))
      #expect(try HostDevices().devices().isEmpty)
    }
  }
}
