// SPDX-License-Identifier: Apache-2.0

/// What KVM does when a guest reads a register that it does not know.
struct IgnoreMSRsCheck: Check {
  let id = "ignore-msrs"
  let title = "kvm.ignore_msrs"
  let area = CheckArea.kernel
  let why = "Windows guests and their GPU drivers read registers that KVM lacks, and crash."
  let documentation = "https://docs.kernel.org/admin-guide/kernel-parameters.html"

  func examine(_ machine: Machine) -> Verdict {
    let value = machine.parameters.value("ignore_msrs", of: "kvm")
    if let text = value.text, ["1", "Y", "y"].contains(text) { return .ok("on") }
    if case .notLoaded = value { return .notApplicable("kvm is not loaded") }
    return .warn(
      "off: Linux guests do not mind",
      remedy: "echo 1 >/sys/module/kvm/parameters/ignore_msrs; "
        + "for every start: options kvm ignore_msrs=1 in modprobe.d",
      fix: [
        "echo 1 >/sys/module/kvm/parameters/ignore_msrs",
        "printf 'options kvm ignore_msrs=1\\n' >/etc/modprobe.d/vgpu-kvm.conf",
      ])
  }
}
