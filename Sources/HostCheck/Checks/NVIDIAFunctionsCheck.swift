// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks that the GPU's virtual functions are switched on, where vGPUs are virtual functions.
struct NVIDIAFunctionsCheck: Check {
  let id = "nvidia-functions"
  let title = "Virtual functions"
  let area = CheckArea.vGPUs
  let purposes: Set<Purpose> = [.nvidia]
  let why = "Since vGPU 17 on Linux 6.8 each vGPU is a virtual function, and there are no mdevs."
  let documentation = "docs/host.md#nvidia"

  func examine(_ machine: Machine) -> Verdict {
    guard let target = machine.target else { return .notApplicable("there is no such GPU") }
    if machine.offersTypes { return .notApplicable("vGPUs are mediated devices here") }
    let made = machine.virtualFunctions
    guard made.isEmpty else {
      let typed = made.filter { machine.host.nvidiaType(of: $0) != nil }
      guard !typed.isEmpty else {
        return .fail(
          "\(made.count), of which none can get a type (no folder nvidia)",
          remedy: "load nvidia-vgpu-vfio; see nvidia-vgpu-mgr's log (journalctl -u nvidia-vgpu-mgr)"
        )
      }
      return .ok("\(made.count)")
    }
    guard let most = VirtualFunctions(host: machine.host).most(of: target.address) else {
      return .fail(
        "\(target.address) can have none",
        remedy: "switch SR-IOV on in the firmware; GPUs before Ampere have mediated devices instead"
      )
    }
    return .fail(
      "none of \(most)",
      remedy: "/usr/lib/nvidia/sriov-manage -e \(target.address), in a unit at each boot")
  }
}
