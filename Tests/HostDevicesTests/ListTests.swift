// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import SystemPackage
import TestSupport
import Testing

@Suite struct ListTests {
  private func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  @Test func gvtLaptop() throws {
    let tree = try SysfsTree.gvtLaptop()
    let host = tree.host
    #expect(
      try json(host.parents()) == """
        [
          {
            "cardNode" : "/dev/dri/card0",
            "name" : "0000:00:02.0",
            "path" : "/sys/devices/pci0000:00/0000:00:02.0",
            "pciAddress" : "0000:00:02.0",
            "renderNode" : "/dev/dri/renderD128"
          }
        ]
        """)
    #expect(
      try json(host.types().first) == """
        {
          "availableInstances" : 1,
          "description" : "low_gm_size: 128MB\\nhigh_gm_size: 384MB\\nfence: 4\\nresolution: 1920x1200\\nweight: 4",
          "deviceAPI" : "vfio-pci",
          "name" : "GVTg_V5_4",
          "parent" : "0000:00:02.0",
          "type" : "i915-GVTg_V5_4"
        }
        """)
    #expect(
      try json(host.devices()) == """
        [
          {
            "deviceNode" : "/dev/vfio/devices/vfio0",
            "driver" : "intel_vgpu_mdev",
            "groupNode" : "/dev/vfio/12",
            "iommuGroup" : 12,
            "parent" : "0000:00:02.0",
            "parentPCIAddress" : "0000:00:02.0",
            "path" : "/sys/bus/mdev/devices/\(SysfsTree.uuid2)",
            "renderNode" : "/dev/dri/renderD128",
            "type" : "i915-GVTg_V5_8",
            "uuid" : "\(SysfsTree.uuid2)"
          }
        ]
        """)
    let function = try json(host.pciFunctions().last)
    #expect(
      function == """
        {
          "cardNode" : "/dev/dri/card0",
          "classCode" : "0x030000",
          "deviceID" : "0x5917",
          "driver" : "i915",
          "iommuGroup" : 0,
          "isBootVGA" : true,
          "pciAddress" : "0000:00:02.0",
          "physicalFunction" : null,
          "renderNode" : "/dev/dri/renderD128",
          "subsystemDeviceID" : "0x2292",
          "subsystemVendorID" : "0x17aa",
          "vendorID" : "0x8086",
          "vfioDevice" : null
        }
        """)
    let bridge = try #require(try host.pciFunctions().first)
    #expect(bridge.driver == nil)
    #expect(bridge.iommuGroup == nil)
    #expect(!bridge.isBootVGA)
    #expect(
      try json(host.iommuGroups()) == """
        [
          {
            "devices" : [
              "0000:00:02.0"
            ],
            "iommuDomainType" : "DMA-FQ",
            "iommuGroup" : 0
          },
          {
            "devices" : [
              "\(SysfsTree.uuid2)"
            ],
            "iommuDomainType" : "unknown",
            "iommuGroup" : 12
          }
        ]
        """)
  }

  @Test func valuesSurviveJSON() throws {
    let host = try SysfsTree.gvtLaptop().host
    let devices = try host.devices()
    #expect(
      try JSONDecoder().decode([MdevDevice].self, from: try JSONEncoder().encode(devices))
        == devices)
  }

  @Test func twoGPUs() throws {
    let tree = try SysfsTree.twoGPUs()
    #expect(
      try tree.host.parents().map(\.renderNode) == ["/dev/dri/renderD128", "/dev/dri/renderD129"])
    #expect(
      try tree.host.types().map { "\($0.parent) \($0.id)" } == [
        "0000:00:02.0 i915-GVTg_V5_4", "0000:00:02.0 i915-GVTg_V5_8",
        "0000:03:00.0 i915-GVTg_V5_4", "0000:03:00.0 i915-GVTg_V5_8",
      ])
    #expect(try tree.host.pciFunctions().map(\.isBootVGA) == [true, false])
  }

  @Test func sampleDrivers() throws {
    let tree = try SysfsTree.sampleDrivers()
    let host = tree.host
    #expect(try host.parents().map(\.name) == ["mbochs", "mdpy", "mtty"])
    #expect(try host.parents().allSatisfy { $0.pciAddress == nil && $0.renderNode == nil })
    #expect(try host.types().map(\.availableInstances) == [3, 15, 63, 4, 4, 4, 24])
    #expect(try host.types().last?.description == nil)
    let device = try #require(try host.devices().first)
    #expect(device.parent == "mbochs")
    #expect(device.parentPCIAddress == nil)
    #expect(device.renderNode == nil)
    #expect(try host.pciFunctions().isEmpty)
  }

  /// Linux before 6.6 has no folder; Debian's 6.12, built without CONFIG_VFIO_DEVICE_CDEV, has one
  /// without a device number.
  @Test(arguments: ["vfio-dev", "vfio-dev/vfio0/dev"])
  func kernelWithoutDeviceNodes(missing: String) throws {
    let tree = try SysfsTree.gvtLaptop()
    try tree.remove("/sys/devices/pci0000:00/0000:00:02.0/\(SysfsTree.uuid2)/\(missing)")
    let device = try #require(try tree.host.devices().first)
    #expect(device.deviceNode == nil)
    #expect(device.groupNode == "/dev/vfio/12")
  }

  @Test func lowestCardOfSeveral() throws {
    let tree = try SysfsTree.gvtLaptop()
    let drm = "/sys/devices/pci0000:00/0000:00:02.0/drm"
    try tree.remove("\(drm)/card0")
    for name in ["card10", "card2", "controlD64", "cardX", "renderD", "version"] {
      try tree.folder("\(drm)/\(name)")
    }
    #expect(try tree.host.parents().first?.cardNode == "/dev/dri/card2")
    #expect(try tree.host.parents().first?.renderNode == "/dev/dri/renderD128")
  }

  @Test func severalDevicesByUUID() throws {
    let tree = try SysfsTree.gvtLaptop()
    let gpu = "/sys/devices/pci0000:00/0000:00:02.0"
    let uuids = ["ffffffff-0000-4000-8000-000000000000", SysfsTree.uuid1]
    for (index, uuid) in uuids.enumerated() {
      try tree.mdev(
        uuid, type: "i915-GVTg_V5_8", of: gpu, driver: "intel_vgpu_mdev", group: 20 + index,
        vfio: 1 + index)
    }
    #expect(
      try tree.host.devices().map(\.uuid.description)
        == [SysfsTree.uuid1, SysfsTree.uuid2, uuids[0]])
    #expect(try tree.host.devices().map(\.iommuGroup) == [21, 12, 20])
  }

  /// A device of another bus may have a name that looks like a PCI address.
  @Test func parentOfAnotherBus() throws {
    let tree = try SysfsTree.gvtLaptop()
    let gpu = "/sys/devices/pci0000:00/0000:00:02.0"
    try tree.remove("\(gpu)/subsystem")
    try tree.folder("/sys/bus/vmbus")
    try tree.link("\(gpu)/subsystem", to: "/sys/bus/vmbus")
    #expect(try tree.host.parents().map(\.pciAddress) == [nil])
    #expect(try tree.host.devices().map(\.parentPCIAddress) == [nil])
  }

  @Test func nothingAtAll() throws {
    let tree = try SysfsTree()
    for host in [tree.host, HostHardware(root: "/nonexistent/root")] {
      #expect(try host.parents().isEmpty)
      #expect(try host.types().isEmpty)
      #expect(try host.devices().isEmpty)
      #expect(try host.pciFunctions().isEmpty)
      #expect(try host.iommuGroups().isEmpty)
      #expect(throws: HostDevicesError.noParents) { try host.create(type: "i915-GVTg_V5_4") }
    }
  }

  /// Whatever machine the tests run on can be read.
  @Test func thisMachine() throws {
    let host = HostHardware()
    #expect(try host.pciFunctions() == host.pciFunctions().sorted { $0.address < $1.address })
    _ = (try host.parents(), try host.types(), try host.devices(), try host.iommuGroups())
  }
}
