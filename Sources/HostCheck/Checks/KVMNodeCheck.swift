// SPDX-License-Identifier: Apache-2.0

/// Checks the right to use KVM.
struct KVMNodeCheck: Check {
  let id = "dev-kvm"
  let title = "/dev/kvm"
  let area = CheckArea.rights
  let purposes = Set(Purpose.allCases)
  let why = "QEMU without KVM is too slow, and GVT-g does not open without it."
  let documentation = "docs/host.md#rights"

  func examine(_ machine: Machine) -> Verdict {
    NodeVerdict.of(
      "/dev/kvm", machine, missing: "modprobe kvm_intel or kvm_amd; see Virtualization",
      forbidden: "usermod -aG kvm USER, and log in again")
  }
}
