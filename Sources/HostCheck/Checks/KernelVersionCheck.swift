// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// Checks the kernel's version, because old kernels lack functions that a purpose needs.
struct KernelVersionCheck: Check {
  let id = "kernel"
  let title = "Kernel"
  let area = CheckArea.kernel
  let why = "vGPUs show their screen since 4.16; a viewer of another process needs 5.6."
  let documentation = "docs/host.md#kernel"

  func examine(_ machine: Machine) -> Verdict {
    guard let release = machine.release, let version = KernelVersion(release: release) else {
      return .notApplicable("/proc/sys/kernel/osrelease tells no version")
    }
    let least = machine.purpose == .gvtG ? KernelVersion(4, 16) : KernelVersion(4, 6)
    let remedy = "install your distribution's current kernel"
    if version < least { return .fail("\(release) is too old", remedy: remedy) }
    if let lack = GVTLack(machine) { return .fail(lack.cause, remedy: lack.remedy) }
    if machine.purpose == .gvtG, version < KernelVersion(5, 6) {
      return .warn("\(release) has no pidfd_getfd, which vgpu view needs", remedy: remedy)
    }
    return .ok(release)
  }
}
