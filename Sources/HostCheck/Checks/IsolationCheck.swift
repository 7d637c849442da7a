// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks which other devices are in the device's IOMMU group.
struct IsolationCheck: Check {
  let id = "isolation"
  let title = "Group isolation"
  let area = CheckArea.device
  let purposes: Set<Purpose> = [.igd, .gpu]
  let why = "A guest gets the whole group: no device in it may keep a driver of the host's."
  let documentation = "https://docs.kernel.org/driver-api/vfio.html"

  func examine(_ machine: Machine) -> Verdict {
    guard let target = machine.target else { return .notApplicable("there is no such device") }
    guard let group = target.iommuGroup else {
      return .notApplicable("\(target.address) is in no group: see IOMMU")
    }
    let companions = machine.companions
    let others = machine.functions.filter { $0.iommuGroup == group && !companions.contains($0) }
    let kept = others.filter(\.keepsGroupFromGuests)
    if kept.contains(where: { $0.address == target.physicalFunction }) {
      return .fail(
        "group \(group) has the physical function too, and that must keep its driver",
        remedy: "switch ACS and ARI on in the firmware, or put the card into another slot")
    }
    guard kept.isEmpty else {
      let names = kept.map { "\($0.address) (\($0.driver ?? "-"))" }
      return .fail(
        "group \(group) has \(names.list()) too",
        remedy: "put the card into another slot, or hand those over as well: vgpu pci bind")
    }
    let bystanders = others.map { "\($0.address)" }
    return .ok(
      "group \(group): \(companions.map { "\($0.address)" }.list())"
        + (bystanders.isEmpty ? "" : "; also \(bystanders.list()) (harmless)"))
  }
}
