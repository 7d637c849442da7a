// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks for several GPUs, because one GPU may draw the guest's frames and another may show them
/// (PRIME).
struct TwoGPUsCheck: Check {
  let id = "two-gpus"
  let title = "Several GPUs"
  let area = CheckArea.hardware
  let purposes: Set<Purpose> = [.gvtG]
  let why = "A frame must cross the bus when another GPU shows it (PRIME)."
  let documentation = "docs/host.md#two-gpus"

  func examine(_ machine: Machine) -> Verdict {
    let drawing = machine.displays.filter { $0.renderNode != nil }
    guard let target = machine.target, drawing.count > 1 else {
      return .notApplicable(drawing.count == 1 ? "one GPU" : "no second GPU that draws")
    }
    guard let boot = drawing.first(where: \.isBootVGA), boot.address != target.address else {
      return .ok("\(drawing.map { "\($0.address)" }.list()); the GPU of the vGPUs has the screen")
    }
    return .warn(
      "vGPUs are of \(target.address), the screen is on \(boot.address)",
      remedy: "connect the monitor to the GPU of the vGPUs, or make it the first in the firmware")
  }
}
