// SPDX-License-Identifier: Apache-2.0

/// Checks `i915.enable_gvt`, because i915 splits its GPU only with this parameter.
struct EnableGVTCheck: Check {
  let id = "enable-gvt"
  let title = "i915.enable_gvt"
  let area = CheckArea.kernel
  let purposes: Set<Purpose> = [.gvtG]
  let why = "Without it i915 offers no vGPUs."
  let documentation = "https://docs.kernel.org/gpu/i915.html"

  private let remedy = "boot with i915.enable_gvt=1, or: options i915 enable_gvt=1 in modprobe.d"
  private let fix = [OwnFile.modprobe.keep(["options i915 enable_gvt=1"])]

  func examine(_ machine: Machine) -> Verdict {
    if let verdict = machine.notI915 { return verdict }
    let value = machine.parameters.value("enable_gvt", of: "i915")
    let setting = machine.parameters.setting("enable_gvt", of: "i915")
    switch value {
    case .missing:
      return .fail(
        "this i915 was built without GVT-g",
        remedy: "take a kernel with CONFIG_DRM_I915_GVT")
    case .notLoaded:
      let obstacle = machine.parameters.obstacle(to: "i915")
      return .fail(
        "i915 is not loaded" + (obstacle.map { ": \($0)" } ?? ""),
        remedy: obstacle.map { "remove \($0), and restart the host" } ?? "modprobe i915",
        fix: setting == nil && obstacle == nil ? fix : [])
    case .told where value.isOn:
      return .ok("1 is set (only root sees the value in force)")
    case .actual where value.isOn:
      return .ok("on")
    case .actual, .told:
      guard let setting else { return .fail("off", remedy: remedy, fix: fix) }
      return setting.isOn ? withdrawn(setting, machine) : told(setting)
    }
  }

  private func told(_ setting: KernelParameters.Setting) -> Verdict {
    let word = "enable_gvt=\(setting.value ?? "")"
    return .fail(
      "off: \(setting.place) has \(word)",
      remedy: "remove \(word) from \(setting.place), because it overrides other files; \(remedy)")
  }

  /// The verdict when the setting is on, but the value in force is off.
  private func withdrawn(_ setting: KernelParameters.Setting, _ machine: Machine) -> Verdict {
    let found = "off, although \(setting.place) switches it on"
    if let lack = GVTLack(machine) {
      return .fail("\(found): i915 has switched it off; \(lack.cause)", remedy: lack.remedy)
    }
    return setting.path == nil
      ? .fail(
        "\(found): i915 has switched it off", remedy: "journalctl -k -g gvt tells i915's reason")
      : .fail(
        "\(found): i915 started before that file was written",
        remedy: "restart the host; if the initramfs has i915, rebuild the initramfs first "
          + "(update-initramfs -u, mkinitcpio -P, dracut -f), or boot with i915.enable_gvt=1")
  }
}

/// Why a kernel's GVT-g does not take the GPU.
struct GVTLack {
  let cause: String
  let remedy: String

  /// `nil` when GVT-g takes the GPU, or when the GPU offers types. The kernel's version does not
  /// count then, because distributions put newer drivers into older kernels.
  init?(_ machine: Machine) {
    guard machine.purpose == .gvtG, !machine.offersTypes, let release = machine.release,
      let version = machine.version, let target = machine.target,
      let generation = IntelGeneration(target), let first = generation.gvtSince, version < first
    else { return nil }
    cause =
      "GVT-g of Linux \(release) does not know \(generation.name), which Linux \(first) brought"
    remedy = "install a kernel of \(first) or newer"
  }
}
