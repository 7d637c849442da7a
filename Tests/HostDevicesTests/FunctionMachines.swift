// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import SystemPackage
import TestSupport
import Testing

/// Machines whose PCI functions, or mdevs, are not what their numbers suggest, as people have reported
/// them.
extension SysfsTree {
  /// A processor of the 12th generation whose graphics have seven virtual functions, each in a group of
  /// its own; the first is a guest's (strongtz/i915-sriov-dkms #303, #333).
  static func virtualFunctions() throws -> SysfsTree {
    let tree = try SysfsTree()
    let graphics = try tree.add(
      "0000:00:02.0", "0x46a3", "0x030000", driver: "i915", group: 0)
    try tree.file("\(graphics)/boot_vga", "1\n")
    for number in 1...7 {
      let path = try tree.add(
        "0000:00:02.\(number)", "0x46a3", "0x030000", driver: number == 1 ? "vfio-pci" : "i915",
        group: 17 + number)
      try tree.file("\(path)/boot_vga", "0\n")
      try tree.link("\(path)/physfn", to: graphics)
    }
    try tree.drivers()
    return tree
  }

  /// An AMD processor whose graphics share a device number with the host's USB controllers, its sound and
  /// its security processor; each function has a group of its own (isc30/ryzen-gpu-passthrough-proxmox
  /// #77, #119).
  static func functionsInOwnGroups() throws -> SysfsTree {
    let tree = try SysfsTree()
    let functions = [
      ("0x1002", "0x1900", "0x030000", "vfio-pci"), ("0x1002", "0x1640", "0x040300", "vfio-pci"),
      ("0x1022", "0x15c7", "0x108000", "ccp"), ("0x1022", "0x15b9", "0x0c0330", "xhci_hcd"),
      ("0x1022", "0x15ba", "0x0c0330", "xhci_hcd"), ("0x1022", "0x15e2", "0x048000", nil),
      ("0x1022", "0x15e3", "0x040300", "snd_hda_intel"),
    ]
    for (number, (vendor, device, classCode, driver)) in functions.enumerated() {
      try tree.add(
        "0000:c5:00.\(number)", device, classCode, vendor: vendor, driver: driver,
        group: 20 + number)
    }
    try tree.file("/sys/bus/pci/devices/0000:c5:00.0/boot_vga", "1\n")
    try tree.drivers()
    return tree
  }

  /// A server whose GPU's virtual functions are vGPUs by NVIDIA's own driver, without mdevs
  /// (NVIDIA/gpu-operator #2594).
  ///
  /// - Parameter hasOwnGroups: false for a slot without ACS, which puts them all into one group.
  static func vGPUsOnVirtualFunctions(hasOwnGroups: Bool = true) throws -> SysfsTree {
    let tree = try SysfsTree()
    let card = try tree.add(
      "0000:41:00.0", "0x2235", "0x030200", vendor: "0x10de", driver: "nvidia", group: 40)
    for number in 4...5 {
      let path = try tree.add(
        "0000:41:00.\(number)", "0x2235", "0x030200", vendor: "0x10de", driver: "nvidia",
        group: hasOwnGroups ? 40 + number : 40)
      try tree.link("\(path)/physfn", to: card)
      if number == 4 { try tree.folder("\(path)/vfio-dev/vfio0") }
    }
    try tree.drivers()
    return tree
  }

  /// A server with an NVIDIA GPU that is split into mdevs, beside the board's own display (public
  /// listings of `mdevctl types`).
  static func otherVendorsMdevs() throws -> SysfsTree {
    let tree = try SysfsTree()
    let board = try tree.add(
      "0000:03:00.0", "0x2000", "0x030000", vendor: "0x1a03", driver: "ast", group: 30)
    try tree.file("\(board)/boot_vga", "1\n")
    let gpu = try tree.add(
      "0000:3b:00.0", "0x1e30", "0x030000", vendor: "0x10de", driver: "nvidia", group: 40)
    try tree.parent(gpu)
    for (id, name, size, most, left) in [
      (259, "4Q", 4096, 6, 0), (256, "1Q", 1024, 24, 23), (435, "1B", 1024, 24, 0),
      (257, "2Q", 2048, 12, 0),
    ] {
      try tree.type(
        "nvidia-\(id)", of: gpu, name: "GRID RTX6000-\(name)",
        description: "num_heads=4, framebuffer=\(size)M, max_instance=\(most)", available: left)
    }
    return tree
  }

  /// A mainframe, whose mdevs are channels and crypto devices (Documentation/arch/s390, vfio-ccw and
  /// vfio-ap).
  static func mainframe() throws -> SysfsTree {
    let tree = try SysfsTree()
    for (path, type, api, count) in [
      ("/sys/devices/css0/0.0.0023", "vfio_ccw-io", "vfio-ccw", 1),
      ("/sys/devices/vfio_ap/matrix", "vfio_ap-passthrough", "vfio-ap", 65536),
    ] {
      try tree.parent(path)
      try tree.type(type, of: path, name: type, description: nil, available: count)
      try tree.file("\(path)/mdev_supported_types/\(type)/device_api", "\(api)\n")
    }
    try tree.mdev(
      uuid1, type: "vfio_ap-passthrough", of: "/sys/devices/vfio_ap/matrix",
      driver: "vfio_ap_mdev", group: 0, vfio: nil)
    return tree
  }
}

// Machines whose GPUs have virtual functions that come and go.
extension SysfsTree {
  /// A workstation whose second GPU, an Intel Arc Pro B50 by xe, has SR-IOV and no virtual functions yet
  /// (Documentation/ABI/testing/sysfs-bus-pci), beside a network card with SR-IOV.
  ///
  /// - Parameter made: the number of virtual functions that the host's start has made; xe has them.
  static func sriovHost(made: Int = 0) throws -> SysfsTree {
    let tree = try SysfsTree()
    _ = try tree.intelGPU("0000:00:02.0", group: 0, minor: 0, isBootVGA: true)
    for (address, device, code, driver, group) in [
      ("0000:03:00.0", "0xe212", "0x030000", "xe", 20),
      ("0000:04:00.0", "0x10c9", "0x020000", "igb", 30),
    ] {
      let path = try tree.add(address, device, code, driver: driver, group: group)
      try tree.file("\(path)/sriov_totalvfs", "7\n")
      try tree.file("\(path)/sriov_numvfs", "0\n")
      try tree.file("\(path)/sriov_drivers_autoprobe", "1\n")
    }
    try tree.folder("/sys/bus/pci/devices/0000:03:00.0/drm/card1")
    try tree.folder("/sys/bus/pci/devices/0000:03:00.0/drm/renderD129")
    try tree.drivers()
    if made > 0 { try tree.setVirtualFunctions(made, of: "0000:03:00.0") }
    return tree
  }

  /// What the kernel does when a number is written to `sriov_numvfs`.
  func setVirtualFunctions(_ count: Int, of address: String) throws {
    let path = "/sys/devices/pci0000:00/\(address)"
    func text(_ file: String) throws -> String {
      try String(contentsOfFile: location("\(path)/\(file)"), encoding: .utf8)
        .trimmingCharacters(in: .whitespacesAndNewlines)
    }
    let existing = Int(try text("sriov_numvfs")) ?? 0
    if count > 0, existing > 0 { throw Errno.resourceBusy }
    let prefix = address.dropLast()
    let first = (host.pciFunction(at: try #require(PCIAddress(address)))?.iommuGroup ?? 0) + 1
    for number in 0..<existing where count == 0 {
      try remove("/sys/bus/pci/devices/\(prefix)\(number + 1)")
      try remove("/sys/devices/pci0000:00/\(prefix)\(number + 1)")
      try remove("/sys/kernel/iommu_groups/\(first + number)")
    }
    for number in 0..<count {
      let driver =
        try text("sriov_drivers_autoprobe") == "1" ? PCIKernel.driver(of: address, self) : nil
      let function = try add(
        "\(prefix)\(number + 1)", try text("device"), try text("class"), driver: driver,
        group: first + number)
      try link("\(function)/physfn", to: path)
    }
    try file("\(path)/sriov_numvfs", "\(count)\n")
  }

  /// A server with an NVIDIA L40S by vGPU Manager 17 and later. The listing is that of a real host: a
  /// heading, and the numbers first (kernel/hypeman #327).
  ///
  /// - Parameter isFull: whether one vGPU takes the whole GPU, after which the driver lists the heading
  ///   alone.
  static func nvidiaHost(isFull: Bool = false) throws -> SysfsTree {
    let tree = try SysfsTree()
    let card = try tree.add(
      "0000:41:00.0", "0x26b9", "0x030200", vendor: "0x10de", driver: "nvidia", group: 40)
    try tree.file("\(card)/sriov_totalvfs", "32\n")
    try tree.file("\(card)/sriov_numvfs", "3\n")
    for number in 4...6 {
      let path = try tree.add(
        "0000:41:00.\(number)", "0x26b9", "0x030200", vendor: "0x10de", driver: "nvidia",
        group: 40 + number)
      try tree.link("\(path)/physfn", to: card)
      try tree.file("\(path)/nvidia/current_vgpu_type", "0\n")
      try tree.file(
        "\(path)/nvidia/creatable_vgpu_types",
        "ID    : vGPU Name\n"
          + (isFull ? "" : "1145  : NVIDIA L40S-1B\n1147  : NVIDIA L40S-1Q\n"))
    }
    if isFull { try tree.setNVIDIAType("1155", of: "0000:41:00.4") }
    try tree.drivers()
    return tree
  }

  /// What NVIDIA's driver does when a type's number is written.
  func setNVIDIAType(_ number: String, of address: String) throws {
    let path = "/sys/devices/pci0000:00/\(address)"
    try file("\(path)/nvidia/current_vgpu_type", number + "\n")
    let slot = address.last.map(String.init) ?? ""
    if number == "0" {
      try remove("\(path)/vfio-dev")
      try remove("/dev/vfio/4\(slot)")
    } else {
      try file("\(path)/vfio-dev/vfio\(slot)/dev", "511:\(slot)\n")
      try file("/dev/vfio/4\(slot)")
    }
  }
}
