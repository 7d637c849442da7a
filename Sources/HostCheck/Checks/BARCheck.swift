// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks the size of the GPU's largest BAR.
struct BARCheck: Check {
  let id = "bar"
  let title = "BAR size"
  let area = CheckArea.device
  let purposes: Set<Purpose> = [.igd, .gpu]
  let why = "A guest's firmware must find room for the biggest window; OVMF reserves 32 GiB."
  let documentation = "docs/host.md#bar"

  func examine(_ machine: Machine) -> Verdict {
    guard let target = machine.target else { return .notApplicable("there is no such device") }
    let sizes = machine.barSizes(of: target)
    guard let largest = sizes.max(), largest > 0 else {
      return .notApplicable("unknown: \(target.address) shows no BAR")
    }
    guard largest < 16 << 30 else {
      return .warn(
        memorySize(largest),
        remedy: "give OVMF more room (-fw_cfg name=opt/ovmf/X-PciMmio64Mb,string=65536), or "
          + "switch Resizable BAR off in the firmware")
    }
    return .ok(memorySize(largest))
  }
}
