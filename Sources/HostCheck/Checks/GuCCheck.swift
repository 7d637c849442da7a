// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// i915 gives GVT-g up when the GPU's own scheduler (GuC) is to submit the work.
struct GuCCheck: Check {
  let id = "guc"
  let title = "i915.enable_guc"
  let area = CheckArea.kernel
  let purposes: Set<Purpose> = [.gvtG]
  let why = "With GuC submission i915 refuses GVT-g; some kernels crash when GuC is loaded."
  let documentation = "docs/host.md#guc"

  func examine(_ machine: Machine) -> Verdict {
    if let verdict = machine.notI915 { return verdict }
    let value = machine.parameters.value("enable_guc", of: "i915")
    guard let text = value.text else {
      return .ok("not set, which is off on the GPUs of GVT-g")
    }
    // A bit mask; -1 leaves it to the driver, who leaves it off before generation 12.
    guard let mask = Int(text), mask > 0 else { return .ok("\(text), which is off") }
    let place = machine.parameters.setting("enable_guc", of: "i915").map { " from \($0.place)" }
    let remedy = "boot with i915.enable_guc=0, and remove \(text)\(place ?? " from modprobe.d")"
    guard mask & 1 != 0 else { return .warn("\(text): GuC is loaded, for HuC", remedy: remedy) }
    // Linux 5.4 took GuC submission from the GPUs before generation 11, all of GVT-g's among them:
    // the bit says nothing there ("GuC submission is N/A" in the kernel's log).
    if machine.offersTypes || (machine.version ?? KernelVersion(5, 4)) >= KernelVersion(5, 4) {
      return .warn(
        "\(text): GuC is loaded, for HuC; this GPU has no submission by GuC, so that bit does nothing",
        remedy: remedy)
    }
    return .fail("\(text): GuC submission", remedy: remedy)
  }
}
