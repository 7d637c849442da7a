// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// The newer way to VFIO's devices.
struct IOMMUFDNodeCheck: Check {
  let id = "dev-iommu"
  let title = "/dev/iommu"
  let area = CheckArea.rights
  let why = "With it, and QEMU 10, vgpu run hands the open device over; without, groups are used."
  let documentation = "https://docs.kernel.org/userspace-api/iommufd.html"

  func examine(_ machine: Machine) -> Verdict {
    guard machine.files.exists("/dev/iommu") else {
      return .notApplicable("this kernel has no iommufd; VFIO's groups do as well")
    }
    guard let live = machine.live else {
      return .ok("there; a captured tree does not tell who may use it")
    }
    return live.mayUse("/dev/iommu")
      ? .ok("yours to use")
      : .warn("not yours to use: groups are used", remedy: "run as root, or see the udev rule")
  }
}
