// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks whether the host's own screen is on the device.
struct BootVGACheck: Check {
  let id = "boot-vga"
  let title = "Boot display"
  let area = CheckArea.device
  let purposes: Set<Purpose> = [.igd, .gpu]
  let why = "The host loses its screen with this device, and the device's ROM may be used up."
  let documentation = "docs/host.md#boot-display"

  func examine(_ machine: Machine) -> Verdict {
    guard let target = machine.target else { return .notApplicable("there is no such device") }
    guard target.isBootVGA else { return .ok("not \(target.address)") }
    return .warn(
      "\(target.address): the host loses its screen",
      remedy: "choose another GPU as the first in the firmware, or reach the host over ssh and "
        + "use vgpu pci bind --force")
  }
}
