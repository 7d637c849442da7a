// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks the modules that must be loaded or built in.
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
    case .virtio: break
    case .gvtG: names += machine.otherParent == nil ? ["i915", "mdev", "kvmgt"] : ["mdev"]
    case .igd, .gpu, .sriov: names.append("vfio_pci")
    // Each has a driver of its own, which another check looks for.
    case .nvidia: break
    }
    var missing = names.filter { !machine.modules.has($0) }
    if !machine.modules.has("vfio_iommu_type1"), !machine.modules.has("iommufd") {
      missing.append("vfio_iommu_type1")
    }
    guard !missing.isEmpty else { return .ok("\(names.joined(separator: ", "))") }
    let found = "not loaded: \(missing.list(limit: 8))"
    // A file in modules-load.d would not help: the kernel loads no module of module_blacklist, and
    // systemd skips modules that kmod's configuration forbids.
    let obstacles = missing.compactMap { machine.parameters.obstacle(to: $0) }
    guard obstacles.isEmpty else {
      return .fail(
        "\(found); \(obstacles.list())",
        remedy: "remove these obstacles, then: modprobe -a \(missing.joined(separator: " "))")
    }
    let load = "modprobe -a \(missing.joined(separator: " "))"
    // Give no fix, because a host without the GPU does not need the modules.
    guard machine.target != nil else {
      return .fail(found, remedy: "\(load), on a host that has the GPU")
    }
    // Keep only the names that no file has yet.
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
