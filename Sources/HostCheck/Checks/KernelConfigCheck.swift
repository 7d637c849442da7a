// SPDX-License-Identifier: Apache-2.0

/// Checks the options that the kernel must be built with.
struct KernelConfigCheck: Check {
  let id = "config"
  let title = "Kernel options"
  let area = CheckArea.kernel
  let why = "No module and no parameter can replace a missing option."
  let documentation = "docs/host.md#kernel"

  func examine(_ machine: Machine) -> Verdict {
    guard let config = machine.config else {
      return .notApplicable(
        "unknown: neither /boot/config-\(machine.release ?? "VERSION") nor /proc/config.gz")
    }
    let missing = options(machine).filter { !$0.contains(where: config.has) }
      .map { $0.map { "CONFIG_\($0)" }.joined(separator: " or ") }
    guard missing.isEmpty else {
      return .fail(
        "\(config.path) lacks \(missing.list(limit: 8))",
        remedy: "install a kernel with these options, or build one")
    }
    let optional = machine.purpose == .gpu && !config.has("VFIO_PCI_VGA")
    return .ok(
      "\(config.path) has all of them" + (optional ? "; no VFIO_PCI_VGA: no x-vga=on" : ""))
  }

  /// The needed options. One option of each row is enough.
  private func options(_ machine: Machine) -> [[String]] {
    var common = [["KVM"], ["VFIO"], ["VFIO_IOMMU_TYPE1", "IOMMUFD"]]
    var iommu: [[String]] = []
    if let isIntel = machine.processor?.isIntel {
      common.append([isIntel ? "KVM_INTEL" : "KVM_AMD"])
      iommu = [[isIntel ? "INTEL_IOMMU" : "AMD_IOMMU"]]
    }
    return switch machine.purpose {
    case .virtio: common
    case .gvtG where machine.otherParent != nil: common + [["VFIO_MDEV"]]
    case .gvtG: common + [["VFIO_MDEV"], ["DRM_I915"], ["DRM_I915_GVT"], ["DRM_I915_GVT_KVMGT"]]
    case .igd: common + iommu + [["VFIO_PCI"], ["VFIO_PCI_IGD"]]
    case .gpu: common + iommu + [["VFIO_PCI"]]
    case .sriov: common + iommu + [["VFIO_PCI"], ["PCI_IOV"]]
    case .nvidia where machine.offersTypes: common + [["VFIO_MDEV"]]
    case .nvidia: common + iommu + [["PCI_IOV"]]
    }
  }
}
