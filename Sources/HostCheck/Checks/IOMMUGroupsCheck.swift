// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks that devices are in IOMMU groups (`/sys/kernel/iommu_groups`).
struct IOMMUGroupsCheck: Check {
  let id = "iommu-groups"
  let title = "IOMMU groups"
  let area = CheckArea.hardware
  let purposes: Set<Purpose> = [.igd, .gpu]
  let why = "A guest gets a group of devices, never a part of one."
  let documentation = "https://docs.kernel.org/driver-api/vfio.html"

  func examine(_ machine: Machine) -> Verdict {
    let groups = (try? machine.host.iommuGroups()) ?? []
    let populated = groups.filter { !$0.devices.isEmpty }
    guard !populated.isEmpty else {
      return .fail(
        "none has a device",
        remedy: "switch the IOMMU on (see the check above); vgpu pci list shows its groups")
    }
    return .ok("\(populated.count) with \(populated.reduce(0) { $0 + $1.devices.count }) devices")
  }
}
