// SPDX-License-Identifier: Apache-2.0

import HostDevices
import SystemPackage
import TestSupport

/// Machines as sysfs shows them. The GVT-g ones follow the kernel's documentation
/// (Documentation/driver-api/vfio-mediated-device.rst) and i915's kvmgt; the sample drivers were
/// captured from Linux 6.12.
extension SysfsTree {
  static let uuid1 = "11111111-2222-3333-4444-555555555555"
  static let uuid2 = "a297db4a-f4c2-11e6-90f6-d3b88d6c9525"

  func pciFunction(
    _ address: String, vendor: String, device: String, classCode: String, driver: String?
  ) throws -> String {
    let path = "/sys/devices/pci0000:00/\(address)"
    try link("/sys/bus/pci/devices/\(address)", to: path)
    try file("\(path)/vendor", vendor + "\n")
    try file("\(path)/device", device + "\n")
    try file("\(path)/class", classCode + "\n")
    try file("\(path)/subsystem_vendor", "0x17aa\n")
    try file("\(path)/subsystem_device", "0x2292\n")
    try link("\(path)/subsystem", to: "/sys/bus/pci")
    if let driver {
      try folder("/sys/bus/pci/drivers/\(driver)")
      try link("\(path)/driver", to: "/sys/bus/pci/drivers/\(driver)")
    }
    return path
  }

  /// An integrated GPU in IOMMU group `group`.
  func intelGPU(_ address: String, group: Int, minor: Int, isBootVGA: Bool) throws -> String {
    let path = try pciFunction(
      address, vendor: "0x8086", device: "0x5917", classCode: "0x030000", driver: "i915")
    try file("\(path)/boot_vga", isBootVGA ? "1\n" : "0\n")
    try iommuGroup(group, of: path)
    try folder("\(path)/drm/card\(minor)/card\(minor)-eDP-1")
    try folder("\(path)/drm/renderD\(128 + minor)")
    return path
  }

  func iommuGroup(_ number: Int, of device: String, type: String = "DMA-FQ") throws {
    let name = device.split(separator: "/").last.map(String.init) ?? ""
    let group = "/sys/kernel/iommu_groups/\(number)"
    try link("\(group)/devices/\(name)", to: device)
    try file("\(group)/type", type + "\n")
    try link("\(device)/iommu_group", to: group)
  }

  func parent(_ path: String) throws {
    let name = path.split(separator: "/").last.map(String.init) ?? ""
    try link("/sys/class/mdev_bus/\(name)", to: path)
    try folder("\(path)/mdev_supported_types")
  }

  func type(
    _ id: String, of parent: String, name: String, description: String?, available: Int
  ) throws {
    let path = "\(parent)/mdev_supported_types/\(id)"
    try folder("\(path)/devices")
    try file("\(path)/name", name + "\n")
    if let description { try file("\(path)/description", description + "\n") }
    try file("\(path)/available_instances", "\(available)\n")
    try file("\(path)/device_api", "vfio-pci\n")
    try file("\(path)/create")
  }

  func gvtTypes(of parent: String, available: [Int] = [1, 0]) throws {
    for (id, memory, count) in [("V5_4", 128, available[0]), ("V5_8", 64, available[1])] {
      try type(
        "i915-GVTg_\(id)", of: parent, name: "GVTg_\(id)",
        description: """
          low_gm_size: \(memory)MB
          high_gm_size: \(memory * 3)MB
          fence: 4
          resolution: 1920x1200
          weight: 4
          """, available: count)
    }
  }

  /// What the kernel makes when a UUID is written to `create`, in its order.
  func mdev(
    _ uuid: String, type: String, of parent: String, driver: String, group: Int?,
    hasGroupNode: Bool = true, vfio: Int?, hasDeviceNode: Bool = true
  ) throws {
    let path = "\(parent)/\(uuid)"
    try file("\(path)/remove")
    try link("/sys/bus/mdev/devices/\(uuid)", to: path)
    try folder("/sys/bus/mdev/drivers/\(driver)")
    try link("\(path)/driver", to: "/sys/bus/mdev/drivers/\(driver)")
    try link("\(path)/subsystem", to: "/sys/bus/mdev")
    if let group {
      try iommuGroup(group, of: path, type: "unknown")
      if hasGroupNode { try file("/dev/vfio/\(group)") }
    }
    if let vfio {
      try file("\(path)/vfio-dev/vfio\(vfio)/dev", "511:\(vfio)\n")
      if hasDeviceNode { try file("/dev/vfio/devices/vfio\(vfio)") }
    }
    try link("\(path)/mdev_type", to: "\(parent)/mdev_supported_types/\(type)")
    try link("\(parent)/mdev_supported_types/\(type)/devices/\(uuid)", to: path)
  }

  /// What the kernel does when 1 is written to `remove`.
  func removeMdev(_ uuid: String) throws {
    guard let device = host.devices(uuid) else { return }
    let parent = try host.parents().first { $0.name == device.parent }
    try remove("/sys/bus/mdev/devices/\(uuid)")
    if let node = device.groupNode { try remove(node) }
    if let node = device.deviceNode { try remove(node) }
    if let group = device.iommuGroup { try remove("/sys/kernel/iommu_groups/\(group)") }
    if let parent {
      try remove("\(parent.path)/mdev_supported_types/\(device.type)/devices/\(uuid)")
      try remove("\(parent.path)/\(uuid)")
    }
  }

  /// A laptop with GVT-g and one vGPU, on a kernel with device nodes.
  static func gvtLaptop() throws -> SysfsTree {
    let tree = try SysfsTree()
    _ = try tree.pciFunction(
      "0000:00:00.0", vendor: "0x8086", device: "0x5914", classCode: "0x060000", driver: nil)
    let gpu = try tree.intelGPU("0000:00:02.0", group: 0, minor: 0, isBootVGA: true)
    try tree.parent(gpu)
    try tree.gvtTypes(of: gpu)
    try tree.mdev(
      uuid2, type: "i915-GVTg_V5_8", of: gpu, driver: "intel_vgpu_mdev", group: 12, vfio: 0)
    try tree.file("/dev/vfio/vfio")
    return tree
  }

  /// Two GPUs that offer the same types.
  static func twoGPUs(available: [[Int]] = [[0, 2], [1, 2]]) throws -> SysfsTree {
    let tree = try SysfsTree()
    for (index, address) in ["0000:00:02.0", "0000:03:00.0"].enumerated() {
      let gpu = try tree.intelGPU(address, group: index, minor: index, isBootVGA: index == 0)
      try tree.parent(gpu)
      try tree.gvtTypes(of: gpu, available: available[index])
    }
    return tree
  }

  /// The kernel's sample drivers, with one mbochs.
  static func sampleDrivers() throws -> SysfsTree {
    let tree = try SysfsTree()
    let mbochs = "/sys/devices/virtual/mbochs/mbochs"
    try tree.link("\(mbochs)/subsystem", to: "/sys/class/mbochs")
    try tree.parent(mbochs)
    for (size, memory, count) in [("small", 4, 63), ("medium", 16, 15), ("large", 64, 3)] {
      try tree.type(
        "mbochs-\(size)", of: mbochs, name: "mbochs-\(size)",
        description: "virtual display, \(memory) MB video memory", available: count)
    }
    let mdpy = "/sys/devices/virtual/mdpy/mdpy"
    try tree.link("\(mdpy)/subsystem", to: "/sys/class/mdpy")
    try tree.parent(mdpy)
    for (mode, size) in [("vga", "640x480"), ("xga", "1024x768"), ("hd", "1920x1080")] {
      try tree.type(
        "mdpy-\(mode)", of: mdpy, name: "mdpy-\(mode)",
        description: "virtual display, \(size) framebuffer", available: 4)
    }
    let mtty = "/sys/devices/virtual/mtty/mtty"
    try tree.parent(mtty)
    try tree.type(
      "mtty-1", of: mtty, name: "Single port serial", description: nil, available: 24)
    try tree.mdev(uuid1, type: "mbochs-small", of: mbochs, driver: "mbochs", group: 0, vfio: 0)
    return tree
  }
}

extension HostHardware {
  func devices(_ uuid: String) -> MdevDevice? { MdevUUID(uuid).flatMap(device) }
}

extension SysfsTree {
  var host: HostHardware { HostHardware(root: FilePath(root)) }
}
