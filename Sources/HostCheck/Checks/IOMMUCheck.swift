// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks that an IOMMU is in use (`/sys/class/iommu`).
struct IOMMUCheck: Check {
  let id = "iommu"
  let title = "IOMMU"
  let area = CheckArea.hardware
  let why = "It limits a guest's device to the guest's memory."
  let documentation = "https://docs.kernel.org/driver-api/vfio.html"

  func examine(_ machine: Machine) -> Verdict {
    let units = machine.files.readableNames(in: "/sys/class/iommu")
    let switches = ["intel_iommu", "amd_iommu", "iommu"].compactMap { name in
      machine.parameters.word(name).map { (name: name, value: $0) }
    }
    let words = switches.map { "\($0.name)=\($0.value)" }.list()
    guard !units.isEmpty else {
      let told = switches.isEmpty ? "" : ", the command line says \(words)"
      let remedy =
        switch machine.processor?.isIntel {
        case true: "switch VT-d on in the firmware, and boot with intel_iommu=on"
        case false: "switch AMD-Vi (IOMMU) on in the firmware"
        case nil: "switch the IOMMU on in the firmware"
        }
      return machine.purpose.isPassthrough
        ? .fail("none in use\(told)", remedy: remedy)
        : .warn("none in use\(told); GVT-g works without", remedy: remedy)
    }
    let leavesGraphicsOut = switches.contains {
      $0.name == "intel_iommu" && $0.value.split(separator: ",").contains("igfx_off")
    }
    if machine.purpose == .igd, leavesGraphicsOut {
      return .fail(
        "\(units.list()), but not for the GPU: \(words)",
        remedy: "boot with intel_iommu=on, without igfx_off")
    }
    return .ok(units.list())
  }
}
