// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks whether QEMU's legacy mode for Intel graphics works. In this mode the guest's firmware
/// has a screen.
struct LegacyModeCheck: Check {
  let id = "igd"
  let title = "Legacy mode"
  let area = CheckArea.device
  let purposes: Set<Purpose> = [.igd]
  let why = "It shows a guest from its start; it needs an Intel GPU at 00:02.0, up to Comet Lake."
  let documentation = "https://gitlab.com/qemu-project/qemu/-/blob/master/docs/igd-assign.txt"

  func examine(_ machine: Machine) -> Verdict {
    guard let target = machine.target, let generation = IntelGeneration(target) else {
      return .notApplicable("no Intel GPU")
    }
    let remedy = "take it as a second GPU (UPT): the guest's screen comes with its driver"
    guard target.address == PCIAddress(bus: 0, device: 2, function: 0) else {
      return .warn("the GPU is at \(target.address), not at 00:02.0", remedy: remedy)
    }
    guard generation.hasLegacyMode else {
      return .warn("\(generation.name) has none", remedy: remedy)
    }
    return .ok("\(generation.name) at 00:02.0")
  }
}
