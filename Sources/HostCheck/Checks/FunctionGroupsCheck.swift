// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks that the virtual functions have IOMMU groups apart from the GPU that made them.
struct FunctionGroupsCheck: Check {
  let id = "vf-groups"
  let title = "Their IOMMU groups"
  let area = CheckArea.vGPUs
  let purposes: Set<Purpose> = [.sriov, .nvidia]
  let why = "A guest gets a whole group, and the GPU itself must keep the host's driver."
  let documentation = "docs/host.md#sr-iov"

  func examine(_ machine: Machine) -> Verdict {
    let made = machine.virtualFunctions
    guard let target = machine.target, !made.isEmpty else {
      return .notApplicable("there is no virtual function")
    }
    let without = made.filter { $0.iommuGroup == nil }
    guard without.isEmpty else {
      return .fail(
        "\(without.map { "\($0.address)" }.list()) in no group",
        remedy: "switch the IOMMU on (see IOMMU)")
    }
    let shared = made.filter { $0.iommuGroup == target.iommuGroup }
    guard shared.isEmpty else {
      return .fail(
        "\(shared.map { "\($0.address)" }.list()) in the group of \(target.address)",
        remedy: "switch ACS and ARI on in the firmware, or put the card into another slot")
    }
    let groups = Set(made.compactMap(\.iommuGroup))
    guard groups.count == made.count else {
      return .warn(
        "\(made.count) virtual functions in \(groups.count) groups",
        remedy: "give those of one group to one guest, or switch ACS on in the firmware")
    }
    return .ok("each has one of its own")
  }
}
