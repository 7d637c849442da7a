// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Modules that must be loaded, or built in.
struct ModulesCheck: Check {
  let id = "modules"
  let title = "Modules"
  let area = CheckArea.kernel
  let why = "Modules make the devices that QEMU opens."
  let documentation = "docs/host.md#modules"

  func examine(_ machine: Machine) -> Verdict {
    var names = ["kvm", "vfio"]
    if let processor = machine.processor {
      names.insert(processor.isIntel ? "kvm_intel" : "kvm_amd", at: 1)
    }
    switch machine.purpose {
    case .gvtG: names += machine.otherParent == nil ? ["i915", "mdev", "kvmgt"] : ["mdev"]
    case .igd, .gpu: names.append("vfio_pci")
    }
    var missing = names.filter { !machine.modules.has($0) }
    if !machine.modules.has("vfio_iommu_type1"), !machine.modules.has("iommufd") {
      missing.append("vfio_iommu_type1")
    }
    guard !missing.isEmpty else { return .ok("\(names.joined(separator: ", "))") }
    let found = "not loaded: \(missing.list(limit: 8))"
    // The kernel's list loads none of them, and systemd's skips what is forbidden.
    let obstacles = missing.compactMap { machine.parameters.obstacle(to: $0) }
    guard obstacles.isEmpty else {
      return .fail(
        "\(found); \(obstacles.list())",
        remedy: "remove these obstacles, then: modprobe -a \(missing.joined(separator: " "))")
    }
    let load = "modprobe -a \(missing.joined(separator: " "))"
    // A host without the GPU has no use for them.
    guard machine.target != nil else {
      return .fail(found, remedy: "\(load), on a host that has the GPU")
    }
    // Only what no file names yet.
    let kept = Set(
      DropInFolders.modulesLoad.paths(machine.files).filter { $0 != OwnFile.modulesLoad.path }
        .flatMap { machine.files.lines($0) }.map {
          KernelArgument.spelled($0.filter { !$0.isWhitespace })
        })
    let unkept = (names + ["vfio_iommu_type1"]).filter { !kept.contains($0) }
    return .fail(
      found,
      remedy: "\(load); for every boot, put their names into \(OwnFile.modulesLoad.path)",
      fix: (unkept.isEmpty ? [] : [OwnFile.modulesLoad.keep(unkept)])
        + ["\(load) || echo 'not all modules came' >&2"])
  }
}
