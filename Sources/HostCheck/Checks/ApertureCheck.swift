// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks the size of the GPU's BAR 2 (aperture). Each vGPU gets a part of it.
struct ApertureCheck: Check {
  let id = "aperture"
  let title = "Aperture"
  let area = CheckArea.vGPUs
  let purposes: Set<Purpose> = [.gvtG]
  let why = "Each vGPU takes 64 MiB or more of the aperture, and the host takes a part."
  let documentation = "docs/host.md#vgpus"

  func examine(_ machine: Machine) -> Verdict {
    if let verdict = machine.otherDriver { return verdict }
    guard let gpu = machine.target else { return .notApplicable("no Intel GPU") }
    let sizes = machine.barSizes(of: gpu)
    guard sizes.count > 2, sizes[2] > 0 else {
      return .notApplicable("unknown: \(gpu.address) shows no BAR 2")
    }
    guard sizes[2] >= 256 << 20 else {
      return .warn(
        "\(memorySize(sizes[2])): one small vGPU at most",
        remedy: "raise the aperture size in the firmware's graphics settings")
    }
    return .ok(memorySize(sizes[2]))
  }
}
