// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Whether the host's own screen is on the device.
struct BootVGACheck: Check {
  let id = "boot-vga"
  let title = "Boot display"
  let area = CheckArea.device
  let purposes: Set<Purpose> = [.igd, .gpu]
  let why = "A device that leaves takes the screen with it, and the firmware's ROM may be spent."
  let documentation = "docs/host.md#boot-display"

  func examine(_ machine: Machine) -> Verdict {
    guard let target = machine.target else { return .notApplicable("there is no such device") }
    guard target.isBootVGA else { return .ok("\(target.address) is not it") }
    return .warn(
      "\(target.address) is it: the host loses its screen",
      remedy: "choose another GPU as the first in the firmware, or reach the host over ssh and "
        + "give vgpu pci bind --force")
  }
}
