// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import LinuxSystem
import Testing
import VFIO

extension RigTests {
  /// The listings of VFIO's documentation (Examples/Client) on real devices, and the host's events.
  @Suite struct ListingTests {
    @Test func managerByTheOlderInterface() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let number = try #require(vGPU.iommuGroup)
        let name = "\(vGPU.uuid)"
        let container = try Container()
        let group = try Group(number: number)
        try group.setContainer(container)
        try container.setIOMMU(.type1v2)
        let device = try group.device(named: name)
        #expect(device.info.flags.contains(.pci))
      }
    }

    @Test(
      .enabled(
        if: KernelTests.Interface.available.contains(.cdev), KernelTests.Interface.noIOMMUFD))
    func managerByTheNewerInterface() throws {
      try Rig.withVGPU("mbochs-small") { vGPU in
        let node = try #require(vGPU.deviceNode)
        let iommufd = try IOMMUFD()
        let device = try Device(cdev: node, iommufd: iommufd)
        try device.attach(to: try iommufd.makeAddressSpace())
        #expect(device.info.flags.contains(.pci))
      }
    }

    /// The kernel announces what `create` and `remove` did.
    @Test(.timeLimit(.minutes(2))) func vGPUsComeAndGo() async throws {
      let host = HostHardware()
      let events = try VGPUEvents()
      let uuid = try #require(MdevUUID(UUID().uuidString.lowercased()))
      let vGPU = try host.create(type: "mbochs-small", uuid: uuid)
      #expect(vGPU.uuid == uuid)
      try host.remove(uuid)
      var seen: [VGPUEvent] = []
      for await event in events where event == .added(uuid) || event == .removed(uuid) {
        seen.append(event)
        if seen.count == 2 { break }
      }
      #expect(seen == [.added(uuid), .removed(uuid)])
    }

    @Test func viewer() throws {
      let arguments = ["--mode", "64x64", "--fps", "0"]
      try Rig.withGuest("mbochs-small", arguments) { _, guest in
        let pid = guest.pid
        let descriptor = try #require(
          try ProcessDevices.descriptors(of: RunningProcess(pid)).first { $0.target == .device }
        ).number
        // A mode's first query answers ENOMEM.
        _ = try? Device(duplicating: descriptor, of: RunningProcess(pid), name: "the guest")
          .displayDevice().query(.primary, .dmaBuf)

        let process = try RunningProcess(pid)
        let device = try Device(duplicating: descriptor, of: process, name: "the guest")
        let display = try device.displayDevice()
        let plane = try display.query(.primary, .dmaBuf)
        let buffer = try display.dmaBuf(plane.handle)
        #expect(plane.width == 64 && plane.height == 64)
        #expect(buffer.rawValue >= 0)
      }
    }
  }
}
