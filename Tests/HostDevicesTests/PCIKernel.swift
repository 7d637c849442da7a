// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import LinuxSystem
import SystemPackage
import TestSupport

/// Does with a `SysfsTree` what the kernel's PCI core does when its attributes are written:
/// `driver_override`, `unbind`, `bind`, `drivers_probe` (Documentation/ABI/testing/sysfs-bus-pci).
enum PCIKernel {
  /// - Parameter refusal: an errno for a write, by the last two parts of its path and its text.
  static func make(
    _ tree: SysfsTree,
    refusal: @escaping @Sendable (_ write: String) -> Errno? = { _ in nil }
  ) -> MdevKernel {
    MdevKernel { location, text in
      let path = String(location.dropFirst(tree.root.utf8.count))
      let parts = path.split(separator: "/").map(String.init)
      let write = parts.suffix(2).joined(separator: "/") + " " + text
      if let errno = refusal(write) { throw errno }
      switch parts.last {
      case "driver_override":
        try tree.file(path, text == "\n" ? "(null)\n" : text + "\n")
      case "unbind":
        guard driver(of: text, tree) == parts[4] else { throw Errno.noSuchDevice }
        try tree.remove("/sys/bus/pci/devices/\(text)/driver")
      case "bind":
        let override = self.override(of: text, tree)
        guard override == nil || override == parts[4] else { throw Errno.noSuchDevice }
        try take(text, by: parts[4], tree)
      case "drivers_probe":
        if driver(of: text, tree) == nil, let override = self.override(of: text, tree) {
          try take(text, by: override, tree)
        }
      case "sriov_drivers_autoprobe":
        try tree.file(path, text + "\n")
      case "sriov_numvfs":
        try tree.setVirtualFunctions(Int(text) ?? 0, of: parts[parts.count - 2])
      case "current_vgpu_type":
        try tree.setNVIDIAType(text, of: parts[parts.count - 3])
      default:
        throw Errno.invalidArgument
      }
      return text.utf8.count
    }
  }

  static func driver(of address: String, _ tree: SysfsTree) -> String? {
    PCIAddress(address).flatMap(tree.host.pciFunction)?.driver
  }

  static func override(of address: String, _ tree: SysfsTree) -> String? {
    let path = tree.location("/sys/bus/pci/devices/\(address)/driver_override")
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? "(null)\n"
    return text == "(null)\n" ? nil : text.trimmingCharacters(in: .newlines)
  }

  private static func take(_ address: String, by driver: String, _ tree: SysfsTree) throws {
    // Links are relative to where they really lie.
    try tree.link(
      "/sys/devices/pci0000:00/\(address)/driver", to: "/sys/bus/pci/drivers/\(driver)")
  }
}

extension Errno {
  static let noSuchDevice = Errno.operationNotSupportedByDevice
}

extension SysfsTree {
  /// A desktop: an integrated GPU with the host's screen, a card with its audio function behind a
  /// root port, a disk, a network interface, and two controllers that share a group.
  static func desktop() throws -> SysfsTree {
    let tree = try SysfsTree()
    _ = try tree.intelGPU("0000:00:02.0", group: 0, minor: 0, isBootVGA: true)
    try tree.add("0000:00:01.0", "0x1901", "0x060400", driver: "pcieport", group: 1)
    let card = try tree.add("0000:01:00.0", "0x1c03", "0x030000", driver: "nouveau", group: 1)
    try tree.file("\(card)/boot_vga", "0\n")
    try tree.add("0000:01:00.1", "0x10f1", "0x040300", driver: "snd_hda_intel", group: 1)
    let disk = try tree.add("0000:00:17.0", "0xa102", "0x010601", driver: "ahci", group: 2)
    try tree.block("sda", of: disk, number: "8:0")
    try tree.block("sda/sda1", of: disk, number: "8:1")
    let network = try tree.add("0000:00:1f.6", "0x15b8", "0x020000", driver: "e1000e", group: 3)
    try tree.file("\(network)/net/enp0s31f6/flags", "0x1002\n")
    try tree.file("\(network)/net/enp0s31f6/operstate", "down\n")
    try tree.link("/sys/class/net/enp0s31f6", to: "\(network)/net/enp0s31f6")
    try tree.add("0000:05:00.0", "0x1111", "0x0c0330", driver: "xhci_hcd", group: 4)
    try tree.add("0000:06:00.0", "0x2222", "0x020000", driver: "e1000e", group: 4)
    try tree.add("0000:07:00.0", "0x3333", "0x010802", driver: nil, group: nil)
    try tree.drivers()
    try tree.file("/proc/self/mountinfo", "22 1 0:21 / /proc rw,nosuid shared:5 - proc proc rw\n")
    try tree.file("/proc/swaps", "Filename\t\t\tType\t\tSize\tUsed\tPriority\n")
    return tree
  }

  /// The files by which drivers are changed.
  func drivers() throws {
    try folder("/sys/bus/pci/drivers/vfio-pci")
    try file("/sys/bus/pci/drivers_probe")
    for driver in try FileManager.default.contentsOfDirectory(
      atPath: location("/sys/bus/pci/drivers"))
    {
      try file("/sys/bus/pci/drivers/\(driver)/bind")
      try file("/sys/bus/pci/drivers/\(driver)/unbind")
    }
  }

  @discardableResult
  func add(
    _ address: String, _ device: String, _ classCode: String, vendor: String = "0x8086",
    driver: String?, group: Int?
  ) throws -> String {
    let path = try pciFunction(
      address, vendor: vendor, device: device, classCode: classCode, driver: driver)
    try file("\(path)/driver_override", "(null)\n")
    if let group {
      try link("/sys/kernel/iommu_groups/\(group)/devices/\(address)", to: path)
      try link("\(path)/iommu_group", to: "/sys/kernel/iommu_groups/\(group)")
    }
    return path
  }

  func block(_ place: String, of device: String, number: String) throws {
    let name = place.split(separator: "/").last.map(String.init) ?? place
    try file("\(device)/ata1/block/\(place)/dev", number + "\n")
    try link("/sys/class/block/\(name)", to: "\(device)/ata1/block/\(place)")
  }
}
