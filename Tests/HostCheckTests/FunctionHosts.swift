// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// Hosts whose vGPUs are PCI functions.
extension SysfsTree {
  /// A workstation with an Intel Arc Pro B50 by xe, whose screen hangs on the processor's own graphics.
  ///
  /// - Parameter made: the virtual functions that exist, all bound to vfio-pci.
  static func sriovWorkstation(made: Int) throws -> SysfsTree {
    let tree = try SysfsTree.laptop(
      cpu: ("Intel(R) Core(TM) Ultra 7 265K", 198), gpu: "0x7d67")
    try tree.remove("/sys/class/mdev_bus/0000:00:02.0")
    try tree.kernel("6.17.4", "root=/dev/sda1 intel_iommu=on")
    try tree.config([
      "KVM", "KVM_INTEL", "VFIO", "VFIO_IOMMU_TYPE1", "INTEL_IOMMU", "VFIO_PCI", "PCI_IOV",
    ])
    let card = try tree.function(
      "0000:03:00.0", "0x8086:0xe212", "0x030000", driver: "xe", group: 20, isBoot: false)
    try tree.drm(card, 1)
    try tree.file("\(card)/sriov_totalvfs", "7\n")
    try tree.file("\(card)/sriov_numvfs", "\(made)\n")
    for number in 0..<made {
      let path = try tree.function(
        "0000:03:00.\(number + 1)", "0x8086:0xe212", "0x030000", driver: "vfio-pci",
        group: 21 + number)
      try tree.link("\(path)/physfn", to: card)
    }
    return tree
  }

  /// A server with an NVIDIA L40S by vGPU Manager 17 and later, as reports of such hosts list it
  /// (kernel/hypeman #327).
  ///
  /// - Parameter isFull: whether the driver lists its heading alone, because one vGPU takes the GPU.
  static func nvidiaFunctions(isFull: Bool) throws -> SysfsTree {
    let tree = try SysfsTree.nvidiaServer()
    try tree.remove("/sys/class/mdev_bus/0000:3b:00.0")
    try tree.remove("/sys/devices/pci0000:00/0000:3b:00.0/mdev_supported_types")
    try tree.kernel("6.8.0-64-generic", "quiet intel_iommu=on iommu=pt")
    try tree.config([
      "KVM", "KVM_INTEL", "VFIO", "VFIO_IOMMU_TYPE1", "INTEL_IOMMU", "VFIO_PCI", "PCI_IOV",
    ])
    let card = "/sys/devices/pci0000:00/0000:3b:00.0"
    try tree.file("\(card)/class", "0x030200\n")
    try tree.file("\(card)/sriov_totalvfs", "32\n")
    for number in 4...6 {
      let path = try tree.function(
        "0000:3b:00.\(number)", "0x10de:0x26b9", "0x030200", driver: "nvidia", group: 40 + number)
      try tree.link("\(path)/physfn", to: card)
      try tree.file(
        "\(path)/nvidia/current_vgpu_type", isFull && number == 4 ? "1155\n" : "0\n")
      try tree.file(
        "\(path)/nvidia/creatable_vgpu_types",
        "ID    : vGPU Name\n"
          + (isFull ? "" : "1145  : NVIDIA L40S-1B\n1147  : NVIDIA L40S-1Q\n"))
    }
    return tree
  }
}
