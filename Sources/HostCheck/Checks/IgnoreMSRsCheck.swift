// SPDX-License-Identifier: Apache-2.0

/// Checks that KVM ignores a guest's reads of registers that KVM does not know.
struct IgnoreMSRsCheck: Check {
  let id = "ignore-msrs"
  let title = "kvm.ignore_msrs"
  let area = CheckArea.kernel
  let why = "Windows guests and their GPU drivers read registers that KVM lacks, and crash."
  let documentation = "https://docs.kernel.org/admin-guide/kernel-parameters.html"

  func examine(_ machine: Machine) -> Verdict {
    let value = machine.parameters.value("ignore_msrs", of: "kvm")
    if value.isOn, case .actual = value { return .ok("on") }
    switch value {
    case .notLoaded: return .notApplicable("kvm is not loaded")
    case .missing: return .notApplicable("this processor's KVM has no such parameter")
    case .told where value.isOn: return .ok("on is set (only root sees the value in force)")
    case .actual, .told: break
    }
    return .warn(
      "off; Linux guests do not need it",
      remedy: "echo 1 >/sys/module/kvm/parameters/ignore_msrs; "
        + "for every boot: options kvm ignore_msrs=1 in modprobe.d",
      fix: [
        "echo 1 >/sys/module/kvm/parameters/ignore_msrs",
        OwnFile.modprobe.keep(["options kvm ignore_msrs=1"]),
      ])
  }
}
