// SPDX-License-Identifier: Apache-2.0

import HostDevices
import TestSupport

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
