// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks for a GPU driver in the initramfs, because it starts before the configuration files of
/// the root file system are read.
struct InitramfsCheck: Check {
  let id = "initramfs"
  let title = "GPU driver in the initramfs"
  let area = CheckArea.kernel
  let purposes: Set<Purpose> = [.gvtG, .igd, .gpu]
  let why = "A driver that starts there misses later options, and takes a GPU before vfio-pci."
  let documentation = "docs/host.md#initramfs"

  func examine(_ machine: Machine) -> Verdict {
    if let verdict = machine.otherDriver { return verdict }
    let drivers = drivers(machine)
    let early = EarlyModules.all(machine.files).compactMap { modules in
      let named = modules.named.filter(drivers.contains)
      return named.isEmpty && modules.everyGPU == nil ? nil : (modules: modules, named: named)
    }
    guard !early.isEmpty else { return .ok("its configuration names none") }
    let found = early.map { describe($0.modules, $0.named, machine) }.list()
    if machine.purpose == .gvtG {
      if isInForce(machine) { return .ok("\(found), with enable_gvt in force") }
    } else if machine.target?.driver?.hasPrefix("vfio") == true {
      return .ok("\(found), but the device has vfio-pci")
    }
    let isPassthrough = machine.purpose.isPassthrough
    let taking = early.filter {
      !isPassthrough || !takesVFIOFirst($0.modules, $0.named, machine)
    }
    guard !taking.isEmpty else { return .ok("\(found), and vfio-pci starts first") }
    return .warn(
      taking.map { describe($0.modules, $0.named, machine) }.list(),
      remedy: taking.map { remedy($0.modules, $0.named, machine) }.joined(separator: "; "))
  }

  /// The drivers that may have the device.
  private func drivers(_ machine: Machine) -> Set<String> {
    let known: [UInt16: Set<String>] = [
      0x8086: ["i915", "xe"], 0x1002: ["amdgpu", "radeon"],
      0x10de: ["nouveau", "nvidia", "nvidia_drm", "nvidia_modeset"],
    ]
    if machine.purpose == .gvtG { return ["i915"] }
    return machine.target.flatMap { known[$0.vendor.rawValue] }
      ?? known.values.reduce(into: []) { $0.formUnion($1) }
  }

  /// Whether `enable_gvt` reaches i915. The kernel's command line also reaches an i915 in the
  /// initramfs.
  private func isInForce(_ machine: Machine) -> Bool {
    let setting = machine.parameters.setting("enable_gvt", of: "i915")
    switch machine.parameters.value("enable_gvt", of: "i915") {
    case .actual(let value): return KernelParameters.isOn(value)
    case .told, .notLoaded:
      return machine.offersTypes || setting.map { $0.path == nil && $0.isOn } ?? false
    case .missing: return false
    }
  }

  private func takesVFIOFirst(
    _ modules: EarlyModules, _ named: [String], _ machine: Machine
  ) -> Bool {
    if machine.parameters.words("rd.driver.pre").contains(where: {
      KernelArgument.spelled($0) == "vfio_pci"
    }) {
      return true
    }
    guard let vfio = modules.named.firstIndex(of: "vfio_pci") else { return false }
    guard let driver = modules.named.firstIndex(where: named.contains) else { return true }
    return vfio < driver
  }

  private func describe(
    _ modules: EarlyModules, _ named: [String], _ machine: Machine
  ) -> String {
    let names = named.isEmpty ? nil : "\(Set(named).sorted().list()) in \(modules.place)"
    let every = modules.everyGPU.map { what in
      let drivers = Set(machine.displays.compactMap(\.driver)).filter { !$0.hasPrefix("vfio") }
      let those = drivers.isEmpty ? "every GPU's driver" : drivers.sorted().list()
      return "\(what) in \(modules.place) puts \(those) into the initramfs"
    }
    return [names, every].compactMap { $0 }.joined(separator: "; ")
  }

  private func remedy(_ modules: EarlyModules, _ named: [String], _ machine: Machine) -> String {
    guard machine.purpose.isPassthrough else {
      return "boot with i915.enable_gvt=1, or put the option into modprobe.d and rebuild the "
        + "initramfs: \(modules.rebuild)"
    }
    let out =
      named.isEmpty ? modules.withoutEveryGPU : "take \(Set(named).sorted().list()) out"
    return "\(out), or put vfio_pci into \(modules.early), before that driver; "
      + "then \(modules.rebuild)"
  }
}
