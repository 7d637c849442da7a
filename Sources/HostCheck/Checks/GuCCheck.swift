// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// Checks that the GPU's own scheduler (GuC) does not submit the work, because i915 then gives up
/// GVT-g.
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
    // The value is a bit mask. -1 lets the driver decide; the driver leaves GuC off before
    // generation 12.
    guard let mask = Int(text), mask > 0 else { return .ok("\(text), which is off") }
    let place = machine.parameters.setting("enable_guc", of: "i915").map { " from \($0.place)" }
    let remedy = "boot with i915.enable_guc=0, and remove \(text)\(place ?? " from modprobe.d")"
    guard mask & 1 != 0 else { return .warn("\(text): GuC is loaded, for HuC", remedy: remedy) }
    // Linux 5.4 removed GuC submission for the GPUs before generation 11, which include all GPUs of
    // GVT-g. The bit has no effect there ("GuC submission is N/A" in the kernel's log).
    if machine.offersTypes || (machine.version ?? KernelVersion(5, 4)) >= KernelVersion(5, 4) {
      return .warn(
        "\(text): GuC is loaded, for HuC; its bit for submission has no effect on this GPU",
        remedy: remedy)
    }
    return .fail("\(text): GuC submission", remedy: remedy)
  }
}
