// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import Foundation
import HostDevices
import LinuxSystem
import QMP
import Testing
import VFIO
import VGPUDisplay

extension RigTests {
  /// A vGPU that is taken away while its guest lives, and is looked at meanwhile.
  @Suite struct UnplugTests {
    private let host = HostHardware()

    private func wait(
      for what: String, _ location: SourceLocation = #_sourceLocation,
      until isThere: () throws -> Bool
    ) throws {
      let deadline = Date(timeIntervalSinceNow: 60)
      while try !isThere() {
        try #require(Date() < deadline, "waited for \(what)", sourceLocation: location)
        usleep(20_000)
      }
    }

    private func holdsDevice(_ pid: Int32) throws -> Bool {
      try ProcessDevices.descriptors(of: RunningProcess(pid)).contains(where: \.isDevice)
    }

    /// A window and a bridge on a vGPU, which have its device by now.
    private func withLookers(
      _ vGPU: MdevDevice, _ body: () async throws -> Void
    ) async throws {
      let compositor = try Compositor(width: 400, height: 300)
      let viewer = try Child("vgpu", ["view", "\(vGPU.uuid)"], environment: compositor.environment)
      defer { viewer.kill() }
      let bridge = try BridgeTests.Bridge([vGPU.uuid])
      try wait(for: "both to look") {
        try holdsDevice(viewer.pid) && holdsDevice(bridge.child.pid)
      }
      try await body()
      #expect(viewer.isRunning && bridge.child.isRunning)
      try wait(for: "both to let go") {
        try !holdsDevice(viewer.pid) && !holdsDevice(bridge.child.pid)
      }
      // The kernel answers EBUSY while anybody has the device.
      let again = try Child("rig-guest", ["\(vGPU.uuid)", "--mode", "320x200"])
      #expect(try again.line() == "ready 320x200")
      try wait(for: "both to look again") {
        try holdsDevice(viewer.pid) && holdsDevice(bridge.child.pid)
      }
      again.kill()
      // `vgpu remove` waits a moment for those who look, which a busy machine may not give them.
      try wait(for: "both to let go again") {
        try !holdsDevice(viewer.pid) && !holdsDevice(bridge.child.pid)
      }
      let removal = try run("vgpu", "remove", "\(vGPU.uuid)")
      #expect(removal.code == 0, "\(removal.errors)")
      #expect(!host.exists(vGPU.uuid) && viewer.isRunning && bridge.child.isRunning)
    }

    @Test func hotUnplugByQMP() async throws {
      let vGPU = try host.create(type: "mbochs-medium")
      let guest = try LinuxGuest(vGPU)
      defer { guest.qemu.kill() }
      try guest.wait(forLines: "board 1024x768")
      let qmp = try await QMPClient(path: guest.socket)
      try await withLookers(vGPU) {
        try await qmp.execute(
          "device_del", arguments: ["id": "/machine/peripheral-anon/device[0]"])
        try wait(for: "QEMU to give the vGPU back") { host.users(of: vGPU.uuid).isEmpty }
        #expect(guest.qemu.isRunning)
      }
      #expect(guest.qemu.isRunning)
    }

    @Test func hotUnplugByLibvirt() async throws {
      let vGPU = try host.create(type: "mbochs-medium")
      let libvirt = try LibvirtTests.Daemon([vGPU])
      defer { libvirt.remove("unplug") }
      try libvirt.defineLinux("unplug", vGPU.uuid)
      try libvirt.virsh("start", "unplug")
      try await withLookers(vGPU) {
        let xml = """
          <hostdev mode='subsystem' type='mdev' managed='no' model='vfio-pci'>
            <source><address uuid='\(vGPU.uuid)'/></source>
          </hostdev>
          """
        let path = "\(libvirt.folder)/vgpu.xml"
        try xml.write(toFile: path, atomically: true, encoding: .utf8)
        // The guest takes part in it, and must have come so far.
        try wait(for: "the guest to give the vGPU back") {
          _ = try libvirt.run("virsh", "-q", "detach-device", "unplug", path, "--live")
          return host.users(of: vGPU.uuid).isEmpty
        }
      }
      #expect(try libvirt.virsh("domstate", "unplug").contains("running"))
    }

    @Test(arguments: ["group", "cdev"])
    func holderThatGivesItBackAndLivesOn(interface: String) throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let bridge = try BridgeTests.Bridge([vGPU.uuid])
        for _ in 0..<3 {
          let owned =
            interface == "cdev"
            ? try OwnedDevice(cdev: try #require(vGPU.deviceNode))
            : try OwnedDevice(named: "\(vGPU.uuid)", inGroup: try #require(vGPU.iommuGroup))
          try wait(for: "the bridge to look") { try holdsDevice(bridge.child.pid) }
          #expect(try owned.device.displayDevice().transport() == .dmaBuf)
          _ = consume owned
          try wait(for: "the bridge to let go") { try !holdsDevice(bridge.child.pid) }
        }
      }
    }

    /// The kernel takes an mdev off the bus, and then waits for whoever has it open.
    @Test func removalThatWaitsIsNotHeldUp() throws {
      let vGPU = try host.create(type: "mbochs-small")
      let guest = try Child("rig-guest", ["\(vGPU.uuid)", "--mode", "320x200"])
      #expect(try guest.line() == "ready 320x200")
      let bridge = try BridgeTests.Bridge()
      let source = try BridgeSource(path: bridge.path)
      try wait(for: "a frame") { if case .frame = source.poll() { true } else { false } }
      let removal = try Child(
        "/bin/sh", ["-c", "echo 1 > /sys/bus/mdev/devices/\(vGPU.uuid)/remove"])
      try wait(for: "the catalogue to have it no more") {
        _ = source.poll()
        return try BridgeListing(path: bridge.path).vGPUs.isEmpty
      }
      #expect(removal.isRunning)
      guest.kill()
      try wait(for: "the removal's end") {
        _ = source.poll()
        return !removal.isRunning
      }
      #expect(removal.end().code == 0 && bridge.child.isRunning)
    }

    @Test func bridgeThatHasOpenedItLetsItBeRemoved() throws {
      let vGPU = try host.create(type: "mbochs-small")
      let path = "/dev/shm/bridge-\(UUID().uuidString).sock"
      let bridge = try Child(
        "vgpu", ["bridge", "--socket", path, "--open", "\(vGPU.uuid)"])
      defer { unlink(path) }
      try wait(for: "the bridge") { (try? BridgeListing(path: path)) != nil }
      #expect(try holdsDevice(bridge.pid))
      let removal = try Child(
        "/bin/sh", ["-c", "echo 1 > /sys/bus/mdev/devices/\(vGPU.uuid)/remove"])
      // Before the removal is waited for, however this ends.
      defer { bridge.kill() }
      try wait(for: "the removal's end") { !removal.isRunning }
      #expect(removal.end().code == 0 && bridge.isRunning)
    }
  }
}
