// SPDX-License-Identifier: Apache-2.0

import CLinux
import Foundation
import HostDevices
import MonitorEDID
import Testing
import VFIO

extension RigTests {
  /// A monitor of ours in the port of a vGPU.
  @Suite struct EDIDTests {
    @Test(arguments: ["640x480@60", "1366x768@75", "1920x1080@60", "1600x1200@59.94"])
    func monitorIsReplaced(text: String) throws {
      let mode = try DisplayMode(parsing: text)
      let edid = try EDID(mode: mode, name: "replacement")
      try Rig.withVGPU("mbochs-medium") { vGPU in
        let container = try Container()
        let group = try Group(number: try #require(vGPU.iommuGroup))
        try group.setContainer(container)
        try container.setIOMMU(.type1v2)
        let device = try group.device(named: "\(vGPU.uuid)")
        let found = try device.monitorPort()
        guard let port = consume found else {
          Issue.record("mbochs has an EDID region")
          return
        }
        #expect(Int(port.maximumEDIDSize) >= EDID.blockSize)
        try port.setLink(up: false)
        try port.setEDID(edid.bytes)
        usleep(100_000)
        try port.setLink(up: true)
        #expect(try port.isLinkUp())
        let read = try EDID(parsing: try port.edid())
        #expect(read == edid)
        #expect(read.name == "replacement")
        #expect(read.preferredMode?.width == mode.width)
        #expect(read.preferredMode?.height == mode.height)
      }
    }

    @Test func commandWritesTheSame() throws {
      let made = try run("vgpu", "edid", "2560x1440@143.9", "-", "--name", "a name")
      #expect(made.code == 0, "\(made.errors)")
      let mode = DisplayMode(width: 2560, height: 1440, refreshRate: 143.9)
      #expect([UInt8](made.output) == (try EDID(mode: mode, name: "a name")).bytes)
      let tooWide = try run("vgpu", "edid", "4096x2160", "-")
      #expect(tooWide.code == 64 && tooWide.output.isEmpty)
      #expect(tooWide.errors.contains("4095x2160@60"))
      let nowhere = try run("vgpu", "edid", "1920x1080", "/nonexistent/edid")
      #expect(nowhere.code == 66)
      #expect(nowhere.errors.contains("/nonexistent/edid: cannot be written: No such file"))
    }
  }
}
