// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import PNGFile
import TestPatterns
import TestSupport
import Testing
import VGPUDisplay

extension RigTests {
  /// The machine's own libvirt (`qemu:///system`), whose QEMUs run as `libvirt-qemu`: what root, a user in
  /// the group libvirt, and a user who is not in it may see and type, and what they are told.
  @Suite struct SystemLibvirtTests {
    private static let pattern = TestPattern(width: 640, height: 480)
    private static let options = "mode=640x480 fps=60 frames=30"
    private static let member = "rig-member"
    private static let stranger = "rig-stranger"

    /// What `vgpu screenshot` of a domain gives a user.
    private struct Shot {
      let code: Int32
      let picture: Picture?
      let errors: String

      /// Whether it is the last picture of the boot guest, to the pixel.
      var isGuest: Bool {
        guard let picture, picture.width == 640,
          pattern.frameNumber(color: picture.color) == 29
        else { return false }
        return picture.find(pattern)?.wrong == 0
      }

      /// The one line that a person reads.
      func says(_ words: String...) -> Bool {
        errors.split(separator: "\n").count == 1 && words.allSatisfy(errors.contains)
      }
    }

    private func shot(
      _ libvirt: LibvirtTests.Daemon, _ domain: String, as user: String
    ) throws -> Shot {
      let end = try libvirt.run(
        Rig.program("vgpu").path, "screenshot", "libvirt:\(domain)", "-", "--timeout", "10",
        as: user)
      return Shot(
        code: end.code, picture: end.code == 0 ? try PNG.decode([UInt8](end.output)) : nil,
        errors: end.errors)
    }

    /// The same until the guest's last picture is there.
    private func expectGuest(
      _ libvirt: LibvirtTests.Daemon, _ domain: String, as user: String,
      location: SourceLocation = #_sourceLocation
    ) throws {
      let deadline = Date(timeIntervalSinceNow: 60)
      var last: Shot
      repeat {
        last = try shot(libvirt, domain, as: user)
        if last.isGuest { return }
        usleep(200_000)
      } while last.code == 0 && Date() < deadline
      Issue.record("\(domain) as \(user): \(last.errors)", sourceLocation: location)
    }

    /// The providers that `vgpu info` names, by function, and what keeps better ones away.
    private func info(
      _ libvirt: LibvirtTests.Daemon, _ domain: String, as user: String
    ) throws -> (providers: [String: String], text: String) {
      struct Info: Decodable {
        struct Function: Decodable {
          struct Provider: Decodable { let id: String }
          let function: String
          let provider: Provider?
        }
        let functions: [Function]
      }
      let end = try libvirt.run(
        Rig.program("vgpu").path, "info", "libvirt:\(domain)", "--json", as: user)
      #expect(end.code == 0, "\(end.errors)")
      let info = try JSONDecoder().decode(Info.self, from: end.output)
      return (
        Dictionary(
          uniqueKeysWithValues: info.functions.compactMap { function in
            function.provider.map { (function.function, $0.id) }
          }), String(decoding: end.output, as: UTF8.self)
      )
    }

    /// A domain that QEMU itself shows: the group libvirt is enough.
    @Test func domainWithoutAVGPU() throws {
      let libvirt = try LibvirtTests.Daemon(isSystem: true)
      defer { libvirt.remove("drawn") }
      try libvirt.define("drawn", Self.options, display: "bochs")
      try libvirt.virsh("start", "drawn")
      for user in ["root", Self.member] {
        try expectGuest(libvirt, "drawn", as: user)
        let info = try info(libvirt, "drawn", as: user)
        #expect(
          info.providers == [
            "screen": "dbus", "boot-screen": "dbus", "input": "dbus", "size": "dbus",
            "power": "libvirt", "hotplug": "libvirt",
          ], "\(user)")
      }
      let refused = try shot(libvirt, "drawn", as: Self.stranger)
      #expect(refused.code == 77)
      #expect(
        refused.says("you may not use this libvirt", "usermod -aG libvirt"), "\(refused.errors)")
      #expect(try info(libvirt, "drawn", as: Self.stranger).providers == [:])
      // A window does not wait for rights.
      let viewer = try libvirt.run(
        Rig.program("vgpu").path, "view", "libvirt:drawn", as: Self.stranger)
      #expect(
        viewer.code == 77 && viewer.errors.contains("usermod -aG libvirt"), "\(viewer.errors)")
    }

    /// A vGPU's pictures need a look into QEMU, which is root's; its input goes through libvirt. Beside a
    /// D-Bus display the others see what QEMU draws, and are told that it is not the vGPU.
    @Test func domainWithAVGPU() throws {
      try Rig.withVGPU("mbochs-medium") { vGPU in
        let libvirt = try LibvirtTests.Daemon([vGPU], isSystem: true)
        defer { for name in ["plain", "beside"] { libvirt.remove(name) } }
        try libvirt.define("plain", Self.options, [vGPU.uuid])
        try libvirt.define("beside", Self.options, [vGPU.uuid], display: "ramfb")
        try libvirt.virsh("start", "plain")
        try expectGuest(libvirt, "plain", as: "root")
        for user in [Self.member, Self.stranger] {
          let refused = try shot(libvirt, "plain", as: user)
          #expect(refused.code == 77)
          #expect(
            refused.says("it belongs to user libvirt-qemu", "vgpu bridge"), "\(refused.errors)")
        }
        let types = try info(libvirt, "plain", as: Self.member)
        #expect(types.providers["screen"] == nil && types.providers["input"] == "libvirt")
        let reads = try info(libvirt, "plain", as: Self.stranger)
        #expect(reads.providers == [:] && reads.text.contains("usermod -aG libvirt"))

        // The remedy that both are told.
        let bridge = try BridgeTests.Bridge([vGPU.uuid], ["--allow", "user:\(Self.stranger)"])
        let shown = try libvirt.run(
          Rig.program("vgpu").path, "screenshot", "bridge:\(bridge.path)", "-", as: Self.stranger)
        #expect(shown.code == 0, "\(shown.errors)")
        ScreenshotTests.expect(
          try PNG.decode([UInt8](shown.output)), shows: 29, of: Self.pattern)
        bridge.child.kill()

        // With the machine's bridge they need name nothing but the domain.
        let machines = try Self.machinesBridge(for: [Self.member, Self.stranger])
        for user in [Self.member, Self.stranger] {
          try expectGuest(libvirt, "plain", as: user)
          let info = try info(libvirt, "plain", as: user)
          #expect(info.providers["screen"] == "machine-bridge", "\(info.text)")
          #expect(info.providers["size"] == "machine-bridge", "\(info.text)")
          #expect(info.providers["input"] == (user == Self.member ? "libvirt" : nil))
          let byUUID = try libvirt.run(
            Rig.program("vgpu").path, "screenshot", "\(vGPU.uuid)", "-", as: user)
          #expect(byUUID.code == 0, "\(byUUID.errors)")
        }
        machines.child.kill()
        try libvirt.virsh("destroy", "plain")

        try libvirt.virsh("start", "beside")
        try expectGuest(libvirt, "beside", as: "root")
        let firmware = try shot(libvirt, "beside", as: Self.member)
        #expect(firmware.code == 0 && firmware.picture.map(QEMUTests.isText) == true)
        #expect(
          firmware.says("it belongs to user libvirt-qemu", "not the vGPU"), "\(firmware.errors)")
        let none = try shot(libvirt, "beside", as: Self.stranger)
        #expect(none.code == 77 && none.says("libvirt-qemu"), "\(none.errors)")
        // The vGPU is better than what QEMU draws.
        let again = try Self.machinesBridge(for: [Self.member])
        try expectGuest(libvirt, "beside", as: Self.member)
        again.child.kill()
      }
    }

    /// `vgpu bridge` where a view looks for it, with all vGPUs.
    private static func machinesBridge(for users: [String]) throws -> BridgeTests.Bridge {
      try FileManager.default.createDirectory(
        atPath: "/run/vgpu", withIntermediateDirectories: true)
      return try BridgeTests.Bridge(
        [], ["--allow-resize"] + users.flatMap { ["--allow", "user:\($0)"] },
        at: "/run/vgpu/bridge.sock")
    }

    /// A member's window on a vGPU domain: the picture comes by the machine's bridge, the guest follows the
    /// window's size by it, and keys and pointer go by libvirt. Nothing of this needs root.
    @Test func membersWindowOnAVGPU() throws {
      try Rig.withVGPU("mbochs-medium") { vGPU in
        let libvirt = try LibvirtTests.Daemon([vGPU], isSystem: true)
        defer { libvirt.remove("lived-in") }
        let bridge = try Self.machinesBridge(for: [Self.member])
        defer { bridge.child.kill() }
        let desktop = try Desktop(.xvfb)
        try libvirt.defineLinux("lived-in", vGPU.uuid)
        try libvirt.virsh("start", "lived-in")
        let viewer = try libvirt.start(
          [
            Rig.program("vgpu").path, "view", "libvirt:lived-in", "--scale", "1:1", "--resolution",
            "640x480",
          ], as: Self.member, environment: desktop.environment)
        defer { viewer.kill() }
        let window = try GuestWindow(desktop, viewer, width: 640, height: 480)
        try window.clicks()
        try window.wheel()
        try window.everyKey(Array(16...27))
      }
    }

    /// A stranger's window, by the vGPU's UUID and through the machine's bridge: the picture goes with its guest
    /// and comes back with the next one.
    @Test func strangersWindowFollowsTheVGPU() throws {
      try Rig.withVGPU("mbochs-medium") { vGPU in
        let libvirt = try LibvirtTests.Daemon([vGPU], isSystem: true)
        defer { libvirt.remove("again") }
        let bridge = try Self.machinesBridge(for: [Self.stranger])
        defer { bridge.child.kill() }
        let desktop = try Desktop(.xvfb)
        try libvirt.define("again", Self.options, [vGPU.uuid])
        try libvirt.virsh("start", "again")
        let viewer = try libvirt.start(
          [Rig.program("vgpu").path, "view", "\(vGPU.uuid)", "--scale", "1:1"], as: Self.stranger,
          environment: desktop.environment)
        defer { viewer.kill() }
        func expect(_ isShown: Bool) throws {
          let deadline = Date(timeIntervalSinceNow: 60)
          while try (desktop.picture().find(Self.pattern)?.wrong == 0) != isShown {
            try #require(Date() < deadline, "shown: \(!isShown)")
            usleep(100_000)
          }
        }
        for _ in 0..<3 {
          try expect(true)
          try libvirt.virsh("destroy", "again")
          try expect(false)
          try libvirt.virsh("start", "again")
        }
        try expect(true)
      }
    }

    /// A member's window: what he does reaches the guest.
    @Test func membersWindow() throws {
      let libvirt = try LibvirtTests.Daemon(isSystem: true)
      defer { libvirt.remove("typed") }
      let desktop = try Desktop(.xvfb, size: "900x700")
      try libvirt.defineLinux("typed", display: "virtio")
      try libvirt.startLinux("typed")
      let viewer = try libvirt.start(
        [
          Rig.program("vgpu").path, "view", "libvirt:typed", "--scale", "1:1", "--resolution",
          "640x480",
        ], as: Self.member, environment: desktop.environment)
      defer { viewer.kill() }
      let window = try GuestWindow(desktop, viewer, width: 640, height: 480)
      try window.clicks(far: (638, 478))
      try window.sideways()
      try window.everyKey(Array(16...27))
      #expect(try desktop.picture().contains(libvirt.screendump("typed")))
    }
  }
}
