// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import PNGFile
import TestPatterns
import Testing
import VGPUDisplay

extension RigTests {
  /// What `vgpu xml` prints, defined and started by a real libvirt.
  @Suite struct DomainXMLTests {
    /// Whether a running domain has QEMU's D-Bus display.
    private func hasDisplay(_ name: String, _ libvirt: LibvirtTests.Daemon) throws -> Bool {
      let answer = try libvirt.virsh(
        "qemu-monitor-command", name, #"{"execute": "query-display-options"}"#)
      return answer.contains(#""p2p":true,"type":"dbus""#)
    }

    @Test func domainWithoutAVGPUStarts() throws {
      // The vGPU is another guest's.
      try Rig.withVGPU("mbochs-small") { vGPU in
        let libvirt = try LibvirtTests.Daemon([vGPU])
        defer { libvirt.remove("virtio") }
        let xml = try run(
          "vgpu",
          ["xml", "--name", "virtio", "--machine", "pc", "--memory", "64M", "--cpus", "1"])
        #expect(xml.code == 0, "\(xml.errors)")
        let path = "\(libvirt.folder)/virtio.xml"
        try xml.output.write(to: URL(fileURLWithPath: path))
        try libvirt.virsh("define", path)
        try libvirt.virsh("start", "virtio")
        #expect(try hasDisplay("virtio", libvirt))
        let devices = try libvirt.virsh(
          "qemu-monitor-command", "virtio", #"{"execute": "query-pci"}"#)
        // The virtio GPU, as a VGA controller.
        #expect(
          devices.contains(#""desc":"VGA controller"},"id":{"device":4176,"#), "\(devices)")
        #expect(HostHardware().users(of: vGPU.uuid).isEmpty)
      }
    }

    /// libvirt starts swtpm itself, and makes the store of variables from the same template.
    @Test func domainWithSecureBootAndATPMStarts() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let libvirt = try LibvirtTests.Daemon([vGPU])
        defer { libvirt.remove("secure") }
        let xml = try run(
          "vgpu",
          [
            "xml", "--name", "secure", "--memory", "128M", "--cpus", "1", "--tpm", "--secure-boot",
          ])
        #expect(xml.code == 0, "\(xml.errors)")
        let path = "\(libvirt.folder)/secure.xml"
        try xml.output.write(to: URL(fileURLWithPath: path))
        try libvirt.virsh("define", path)
        try libvirt.virsh("start", "secure")
        let log = "\(libvirt.folder)/home/.cache/libvirt/qemu/log/secure-swtpm.log"
        #expect(
          try libvirt.virsh("domstate", "secure").hasPrefix("running"),
          "\((try? String(contentsOfFile: log, encoding: .utf8)) ?? "")")
        let tpm = try libvirt.virsh("qemu-monitor-command", "secure", #"{"execute": "query-tpm"}"#)
        #expect(tpm.contains(#""model":"tpm-crb""#) && tpm.contains("emulator"), "\(tpm)")
        let machine = try libvirt.virsh("dumpxml", "secure")
        #expect(machine.contains("<smm state='on'/>"), "\(machine)")
        #expect(machine.contains("org.qemu.guest_agent.0"), "\(machine)")
      }
    }

    @Test(arguments: ["pc", "q35"])
    func domainStartsAndIsSeen(machine: String) throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let libvirt = try LibvirtTests.Daemon([vGPU])
        let name = "printed-\(machine)"
        defer { libvirt.remove(name) }
        let disk = "\(libvirt.folder)/disk.img"
        try Data(count: 1 << 20).write(to: URL(fileURLWithPath: disk))
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: disk)
        let arguments = [
          "xml", "--vgpu", "\(vGPU.uuid)", "--name", name, "--machine", machine, "--memory", "64M",
          "--cpus", "1", "--pin", "--disk", disk,
        ]
        let guest = [
          "--", "-kernel", "\(libvirt.folder)/bootguest.elf", "-append",
          "mode=640x480 fps=60 frames=30",
        ]
        let xml = try run("vgpu", arguments + guest)
        #expect(xml.code == 0, "\(xml.errors)")
        #expect(HostHardware().users(of: vGPU.uuid).isEmpty)
        let path = "\(libvirt.folder)/\(name).xml"
        try xml.output.write(to: URL(fileURLWithPath: path))
        try libvirt.virsh("define", path)
        try libvirt.virsh("start", name)
        #expect(!HostHardware().users(of: vGPU.uuid).isEmpty)
        #expect(try hasDisplay(name, libvirt))
        #expect(try libvirt.virsh("vcpupin", name).contains("0"))
        // The guest looks for its display on the first bus, where libvirt puts it on the old
        // mainboard only.
        guard machine == "pc" else { return }
        let pattern = TestPattern(width: 640, height: 480)
        var picture: Picture?
        for _ in 0..<100 where picture == nil {
          let shot = try libvirt.run(
            Rig.program("vgpu").path, "screenshot", "libvirt:\(name)", "-", "--timeout", "30")
          try #require(shot.code == 0, "\(shot.errors)")
          let taken = try PNG.decode([UInt8](shot.output))
          if taken.width == 640, pattern.frameNumber(color: taken.color) == 29 { picture = taken }
        }
        ScreenshotTests.expect(try #require(picture), shows: 29, of: pattern)
      }
    }
  }
}
