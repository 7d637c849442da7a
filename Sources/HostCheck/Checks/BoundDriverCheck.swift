// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks which driver the device has now.
struct BoundDriverCheck: Check {
  let id = "driver"
  let title = "Driver"
  let area = CheckArea.device
  let purposes: Set<Purpose> = [.igd, .gpu]
  let why = "QEMU opens a device when vfio-pci has it and the rest of its IOMMU group."
  let documentation = "docs/host.md#driver"

  func examine(_ machine: Machine) -> Verdict {
    guard let target = machine.target else { return .notApplicable("there is no such device") }
    let bound = machine.companions.filter(\.keepsGroupFromGuests)
    guard !bound.isEmpty, !target.isForGuests else {
      return target.driver.map { .ok("\(target.address): \($0)") }
        ?? .warn(
          "\(target.address) has no driver",
          remedy: "vgpu pci bind \(target.address) vfio-pci")
    }
    return .warn(
      bound.map { "\($0.address): \($0.driver ?? "-")" }.list(),
      remedy: "vgpu pci bind \(target.address) vfio-pci"
        + (machine.companions.count > 1
          ? ", which takes \(machine.companions.map { "\($0.address)" }.list())" : ""))
  }
}
