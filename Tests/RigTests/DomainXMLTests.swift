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
