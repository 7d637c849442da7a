// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import SystemPackage
import TestSupport
import Testing

@Suite struct BrokenTreeTests {
  private let gpu = "/sys/devices/pci0000:00/0000:00:02.0"

  @Test(arguments: ["", "\n", "-1\n", "+1\n", "one\n", "1 2\n", "99999999999999999999\n", "0x1\n"])
  func garbageNumbers(text: String) throws {
    let tree = try SysfsTree.gvtLaptop()
    try tree.file("\(gpu)/mdev_supported_types/i915-GVTg_V5_4/available_instances", text)
    try tree.file("\(gpu)/boot_vga", text)
    #expect(try tree.host.types().first?.availableInstances == nil)
    #expect(try tree.host.types().count == 2)
    #expect(try tree.host.pciFunctions().last?.isBootVGA == false)
  }

  @Test(arguments: [
    Data([0xff, 0xfe, 0x0a]), Data("a\0b".utf8), Data("\u{1b}[2J".utf8), Data(),
    Data(repeating: 0x41, count: 1 << 20),
  ])
  func garbageTexts(bytes: Data) throws {
    let tree = try SysfsTree.gvtLaptop()
    let type = "\(gpu)/mdev_supported_types/i915-GVTg_V5_4"
    try tree.file("\(type)/name", bytes: bytes)
    try tree.file("\(type)/description", bytes: bytes)
    let read = try #require(try tree.host.types().first)
    #expect(read.name == nil)
    #expect(read.description == nil)
    #expect(read.availableInstances == 1)
    try tree.file("\(gpu)/vendor", bytes: bytes)
    #expect(try tree.host.pciFunctions().count == 1)
  }

  @Test func filesThatAreMissing() throws {
    let tree = try SysfsTree.gvtLaptop()
    let type = "\(gpu)/mdev_supported_types/i915-GVTg_V5_4"
    for file in ["name", "description", "device_api"] { try tree.remove("\(type)/\(file)") }
    let read = try #require(try tree.host.types().first)
    #expect(read.id == "i915-GVTg_V5_4")
    #expect(read.deviceAPI == nil)
    try tree.remove("\(type)/available_instances")
    #expect(try tree.host.types().map(\.id) == ["i915-GVTg_V5_8"])
    for file in ["subsystem_vendor", "subsystem_device", "boot_vga"] {
      try tree.remove("\(gpu)/\(file)")
    }
    #expect(try tree.host.pciFunctions().last?.subsystemVendor == nil)
    try tree.remove("\(gpu)/class")
    #expect(try tree.host.pciFunctions().count == 1)
  }

  @Test func attributesThatAreFolders() throws {
    let tree = try SysfsTree.gvtLaptop()
    let type = "\(gpu)/mdev_supported_types/i915-GVTg_V5_4"
    try tree.remove("\(type)/name")
    try tree.folder("\(type)/name")
    #expect(try tree.host.types().first?.name == nil)
  }

  @Test func attributesThatWouldHang() throws {
    let tree = try SysfsTree.gvtLaptop()
    let name = "\(gpu)/mdev_supported_types/i915-GVTg_V5_4/name"
    try tree.remove(name)
    #expect(mkfifo(tree.location(name), 0o600) == 0)
    #expect(try tree.host.types().first?.name == nil)
  }

  @Test func danglingLinks() throws {
    let tree = try SysfsTree.gvtLaptop()
    try tree.link("/sys/class/mdev_bus/gone", to: "/sys/devices/gone")
    try tree.link("/sys/bus/pci/devices/0000:00:03.0", to: "/sys/devices/gone")
    try tree.link("/sys/bus/mdev/devices/\(SysfsTree.uuid1)", to: "/sys/devices/gone")
    try tree.remove("\(gpu)/driver")
    try tree.link("\(gpu)/driver", to: "/sys/bus/pci/drivers/gone")
    #expect(try tree.host.parents().count == 1)
    #expect(try tree.host.devices().count == 1)
    #expect(try tree.host.pciFunctions().count == 2)
    #expect(try tree.host.pciFunctions().last?.driver == nil)
  }

  @Test func linksInACircle() throws {
    let tree = try SysfsTree.gvtLaptop()
    try tree.rawLink("/sys/class/mdev_bus/a", to: "b")
    try tree.rawLink("/sys/class/mdev_bus/b", to: "a")
    try tree.rawLink("/sys/bus/mdev/devices/\(SysfsTree.uuid1)", to: SysfsTree.uuid1)
    try tree.remove("\(gpu)/mdev_supported_types/i915-GVTg_V5_4")
    try tree.rawLink("\(gpu)/mdev_supported_types/i915-GVTg_V5_4", to: "i915-GVTg_V5_4")
    try tree.remove("\(gpu)/drm")
    try tree.rawLink("\(gpu)/drm", to: "drm")
    #expect(try tree.host.parents().map(\.name) == ["0000:00:02.0"])
    #expect(try tree.host.parents().first?.renderNode == nil)
    #expect(try tree.host.types().map(\.id) == ["i915-GVTg_V5_8"])
    #expect(try tree.host.devices().count == 1)
  }

  @Test func linksThatLeaveTheTree() throws {
    let other = try SysfsTree.sampleDrivers()
    let tree = try SysfsTree.gvtLaptop()
    try tree.rawLink(
      "/sys/class/mdev_bus/mbochs", to: other.location("/sys/devices/virtual/mbochs/mbochs"))
    try tree.rawLink("/sys/class/mdev_bus/etc", to: "/etc")
    try tree.rawLink(
      "/sys/bus/mdev/devices/\(SysfsTree.uuid1)",
      to: other.location("/sys/devices/virtual/mbochs/mbochs/\(SysfsTree.uuid1)"))
    let name = "\(gpu)/mdev_supported_types/i915-GVTg_V5_4/name"
    try tree.remove(name)
    try tree.rawLink(name, to: "/etc/hostname")
    // A sibling whose path only begins like the root's.
    try FileManager.default.createDirectory(
      atPath: tree.root + "-sibling/device_api", withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: tree.root + "-sibling") }
    try tree.rawLink("/sys/class/mdev_bus/sibling", to: tree.root + "-sibling")
    try tree.remove("\(gpu)/driver")
    try tree.rawLink("\(gpu)/driver", to: tree.root + "-sibling/device_api")
    #expect(try tree.host.pciFunctions().last?.driver == nil)
    #expect(try tree.host.parents().map(\.name) == ["0000:00:02.0"])
    #expect(try tree.host.devices().map(\.uuid.description) == [SysfsTree.uuid2])
    #expect(try tree.host.types().first?.name == nil)
    let uuid = try #require(MdevUUID(SysfsTree.uuid1))
    #expect(throws: HostDevicesError.self) { try tree.host.remove(uuid) }
  }

  @Test func namesThatAreNone() throws {
    let tree = try SysfsTree.gvtLaptop()
    for name in ["two\nlines", "\u{1b}[31m", "ünïcode"] {
      try tree.link("/sys/class/mdev_bus/\(name)", to: gpu)
      try tree.folder("\(gpu)/mdev_supported_types/\(name)")
      try tree.file("\(gpu)/mdev_supported_types/\(name)/device_api", "vfio-pci")
    }
    for name in ["not-a-uuid", "A297DB4A"] { try tree.folder("/sys/bus/mdev/devices/\(name)") }
    try tree.folder("/sys/bus/pci/devices/slot")
    try tree.folder("/sys/kernel/iommu_groups/x1")
    #expect(try tree.host.parents().count == 1)
    #expect(try tree.host.types().count == 2)
    #expect(try tree.host.devices().count == 1)
    #expect(try tree.host.pciFunctions().count == 2)
    #expect(try tree.host.iommuGroups().map(\.number) == [0, 12])
  }

  @Test func mdevThatIsComingOrGoing() throws {
    let tree = try SysfsTree.gvtLaptop()
    let mdev = "\(gpu)/\(SysfsTree.uuid2)"
    for file in ["driver", "iommu_group", "vfio-dev"] { try tree.remove("\(mdev)/\(file)") }
    let device = try #require(try tree.host.devices().first)
    #expect(device.driver == nil)
    #expect(device.iommuGroup == nil)
    #expect(device.groupNode == nil)
    #expect(device.deviceNode == nil)
    try tree.remove("\(mdev)/mdev_type")
    #expect(try tree.host.devices().isEmpty)
  }

  @Test func foldersThatAreFiles() throws {
    let tree = try SysfsTree()
    for path in [
      "/sys/class/mdev_bus", "/sys/bus/mdev/devices", "/sys/bus/pci/devices",
      "/sys/kernel/iommu_groups",
    ] { try tree.file(path, "x") }
    #expect(try tree.host.parents().isEmpty)
    #expect(try tree.host.devices().isEmpty)
    #expect(try tree.host.pciFunctions().isEmpty)
    #expect(try tree.host.iommuGroups().isEmpty)
  }
}
