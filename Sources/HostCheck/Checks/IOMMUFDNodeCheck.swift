// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks the right to use `/dev/iommu`, the newer interface for VFIO devices.
struct IOMMUFDNodeCheck: Check {
  let id = "dev-iommu"
  let title = "/dev/iommu"
  let area = CheckArea.rights
  let why = "With it and QEMU 10, vgpu run gives QEMU an open device; else it uses VFIO's groups."
  let documentation = "https://docs.kernel.org/userspace-api/iommufd.html"

  func examine(_ machine: Machine) -> Verdict {
    guard machine.files.exists("/dev/iommu") else {
      return .notApplicable("this kernel has no iommufd; vgpu uses VFIO's groups instead")
    }
    guard let live = machine.live else {
      return .ok("it exists; a captured tree does not show who may use it")
    }
    return live.mayUse("/dev/iommu")
      ? .ok("you may use it")
      : .warn(
        "you may not use it, so vgpu uses VFIO's groups",
        remedy: "run as root, or add a udev rule for it")
  }
}
