// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks Yama's scope, which limits the processes that a user may look into.
struct PtraceCheck: Check {
  let id = "ptrace"
  let title = "ptrace scope"
  let area = CheckArea.rights
  let purposes: Set<Purpose> = [.gvtG, .nvidia]
  let why = "vgpu view takes a duplicate of QEMU's device; vgpu run's own guests need no right."
  let documentation = "https://docs.kernel.org/admin-guide/LSM/Yama.html"

  func examine(_ machine: Machine) -> Verdict {
    guard let scope = machine.files.number("/proc/sys/kernel/yama/ptrace_scope") else {
      return .ok("the kernel has no Yama")
    }
    let remedy =
      "start guests with vgpu run, view them as root, or set "
      + "kernel.yama.ptrace_scope=0, which lets all programs of a user look into each other"
    switch scope {
    case 0: return .ok("0: your own processes")
    case 3: return .fail("3: nobody, until the next boot", remedy: remedy)
    case _ where machine.isRoot: return .ok("\(scope), and root may")
    default: return .warn("\(scope): root only", remedy: remedy)
    }
  }
}
