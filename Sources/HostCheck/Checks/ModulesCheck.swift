// SPDX-License-Identifier: Apache-2.0

/// Modules that must be loaded, or built in.
struct ModulesCheck: Check {
  let id = "modules"
  let title = "Modules"
  let area = CheckArea.kernel
  let why = "They make the devices that QEMU opens."
  let documentation = "docs/host.md#modules"

  func examine(_ machine: Machine) -> Verdict {
    let kvm = machine.processor?.isIntel ?? true ? "kvm_intel" : "kvm_amd"
    var names = ["kvm", kvm, "vfio"]
    names += machine.purpose == .gvtG ? ["i915", "mdev", "kvmgt"] : ["vfio_pci"]
    var missing = names.filter { !machine.modules.has($0) }
    if !machine.modules.has("vfio_iommu_type1"), !machine.modules.has("iommufd") {
      missing.append("vfio_iommu_type1")
    }
    guard !missing.isEmpty else { return .ok("\(names.joined(separator: ", "))") }
    let all = (names + ["vfio_iommu_type1"]).joined(separator: "\\n")
    return .fail(
      "not loaded: \(missing.list(limit: 8))",
      remedy: "modprobe -a \(missing.joined(separator: " ")); "
        + "for every start, their names in /etc/modules-load.d/vgpu.conf",
      fix: [
        "printf '\(all)\\n' >/etc/modules-load.d/vgpu.conf",
        "modprobe -a \(missing.joined(separator: " ")) || echo 'not all modules came' >&2",
      ])
  }
}
