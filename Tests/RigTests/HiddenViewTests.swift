// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import CLinux
import CVGPU
import Foundation
import HostDevices
import LinuxSystem
import TestPatterns
import TestSupport
import Testing
import VFIO
import VGPUDisplay
import VGPUExports

@testable import Attachment

extension RigTests {
  /// Guests that end while nobody looks: their devices are closed all the same.
  @Suite struct HiddenViewTests {
    private static let pattern = TestPattern(width: 640, height: 480)

    /// A QEMU whose guest stops at its last frame.
    private func guest(_ vGPU: MdevDevice, frames: Int) throws -> Child {
      try QEMUTests.bootGuest(vGPU, "mode=640x480 fps=60 frames=\(frames)")
    }

    /// Waits until a process has nothing of a guest's any more: no device, no buffer, no pidfd.
    private func waitUntilNothingIsHeld(
      by process: Int32, location: SourceLocation = #_sourceLocation
    ) throws {
      let deadline = Date(timeIntervalSinceNow: 20)
      var held: [String] = []
      repeat {
        held = try GuestHoldings.of(process)
        if held.isEmpty { return }
        usleep(10_000)
      } while Date() < deadline
      Issue.record("\(held)", sourceLocation: location)
    }

    /// The picture is hidden; its guest ends, and another starts with the same vGPU.
    @Test(.timeLimit(.minutes(5)), arguments: ["page", "window", "parent"])
    func viewThatIsHidden(way: String) throws {
      let program = "/dev/shm/hide-\(UUID().uuidString)"
      defer { try? FileManager.default.removeItem(atPath: program) }
      let libraries = try CLibraries.folder()
      let compiled = try CLibraries.compile(
        "Tests/RigTests/Programs/hide.c", with: "vgpu-gtk3", "vgpu", to: program)
      try #require(compiled.code == 0, "\(compiled.text)")
      let compositor = try Compositor(width: 720, height: 600)
      try Rig.withVGPU("mbochs-small") { vGPU in
        let viewer = try Child(
          program, [way, "\(vGPU.uuid)"],
          environment: compositor.environment.merging(["LD_LIBRARY_PATH": libraries]) { $1 })
        defer { viewer.kill() }
        for frames in [20, 40] {
          let qemu = try guest(vGPU, frames: frames)
          defer { qemu.kill() }
          let found = try compositor.find(Self.pattern, in: viewer) {
            $0?.frame == UInt32(frames - 1) && $0?.wrong == 0
          }
          try #require(
            found?.frame == UInt32(frames - 1), "\(viewer.isRunning ? "" : viewer.end().errors)")
          #expect(try GuestHoldings.of(viewer.pid).contains("a buffer"))
          kill(viewer.pid, SIGUSR1)
          var line: String?
          repeat { line = try viewer.line() } while line != nil && line != "hidden"
          try #require(line == "hidden")
          // Hidden, it goes on looking after the guest, and only that.
          #expect(try GuestHoldings.of(viewer.pid).contains { $0.contains("vfio") })
          qemu.kill()
          try waitUntilNothingIsHeld(by: viewer.pid)
          #expect(try viewer.line() == "waiting")
          #expect(HostHardware().users(of: vGPU.uuid).isEmpty)
          kill(viewer.pid, SIGUSR2)
        }
      }
    }

    /// A source of C's that is polled once: its frame goes too.
    @Test func sourceThatIsNotPolled() throws {
      try Rig.withGuest(
        "mbochs-small", ["--mode", "640x480", "--fps", "0", "--first", "77", "--buffers", "1"]
      ) { vGPU, guest in
        let source = try #require(vgpu_source_open("\(vGPU.uuid)", 0, -1, nil))
        defer { vgpu_source_close(source) }
        while vgpu_source_poll(source, nil) != VGPU_STATE_FRAME { usleep(20_000) }
        #expect(try GuestHoldings.of(getpid()).contains("a buffer"))
        guest.kill()
        try waitUntilNothingIsHeld(by: getpid())
        #expect(vgpu_source_poll(source, nil) == VGPU_STATE_WAITING)
      }
    }

    /// A client of a bridge that does not look: it has buffers, and the bridge the device.
    @Test func bridgeThatNobodyAsks() throws {
      try Rig.withGuest(
        "mbochs-small", ["--mode", "640x480", "--fps", "0", "--first", "77", "--buffers", "1"]
      ) { vGPU, guest in
        let bridge = try BridgeTests.Bridge([vGPU.uuid])
        let source = try AttachedSource(.bridge(path: bridge.path, vGPU: .only))
        var isFrame = false
        while !isFrame {
          if case .frame = source.poll() { isFrame = true } else { usleep(20_000) }
        }
        #expect(try GuestHoldings.of(getpid()).contains("a buffer"))
        guest.kill()
        try waitUntilNothingIsHeld(by: getpid())
        try waitUntilNothingIsHeld(by: bridge.child.pid)
        if case .frame = source.poll() { Issue.record("the guest has ended") }
      }
    }

    /// A vGPU that is waited for before it exists.
    @Test func vGPUThatDoesNotExistYet() throws {
      let uuid = try #require(MdevUUID(UUID().uuidString.lowercased()))
      let source = try AttachedSource(.mdev(uuid), waiting: true)
      guard case .noPicture(.waiting("Waiting for the vGPU \(uuid) to be created.")) = source.poll()
      else {
        Issue.record("\(source.poll())")
        return
      }
      let host = HostHardware()
      let vGPU = try host.create(type: "mbochs-small", uuid: uuid)
      defer { #expect(throws: Never.self) { try host.remove(uuid) } }
      let unused = "Waiting for a guest to use the vGPU \(uuid)."
      try wait { if case .noPicture(.waiting(unused)) = source.poll() { true } else { false } }
      let qemu = try guest(vGPU, frames: 20)
      defer { qemu.kill() }
      try wait { if case .frame = source.poll() { true } else { false } }
      qemu.kill()
      try waitUntilNothingIsHeld(by: getpid())
    }

    private func wait(
      location: SourceLocation = #_sourceLocation, for isThere: () throws -> Bool
    ) throws {
      let deadline = Date(timeIntervalSinceNow: 60)
      while try !isThere() {
        try #require(Date() < deadline, sourceLocation: location)
        usleep(20_000)
      }
    }
  }
}

/// What a process has open of guests: devices, buffers, processes.
enum GuestHoldings {
  static func of(_ pid: Int32) throws -> [String] {
    let process = "/proc/\(pid)"
    return try FileManager.default.contentsOfDirectory(atPath: "\(process)/fd").compactMap {
      let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(process)/fd/\($0)")
      guard let link else { return nil }
      if link.contains("dmabuf") {
        // Mesa makes some of its own, of udmabuf. One that was closed meanwhile has no information.
        let info = try? String(contentsOfFile: "\(process)/fdinfo/\($0)", encoding: .utf8)
        return info?.contains("exp_name:\tmbochs") == true ? "a buffer" : nil
      }
      return ["vfio", "pidfd", "mdev"].contains { link.contains($0) } ? link : nil
    }
    .sorted()
  }
}
