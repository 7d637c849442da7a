// SPDX-License-Identifier: Apache-2.0

/// i915 splits its GPU only when it is told to.
struct EnableGVTCheck: Check {
  let id = "enable-gvt"
  let title = "i915.enable_gvt"
  let area = CheckArea.kernel
  let purposes: Set<Purpose> = [.gvtG]
  let why = "Without it i915 offers no vGPUs."
  let documentation = "https://docs.kernel.org/gpu/i915.html"

  private let remedy = "boot with i915.enable_gvt=1, or: options i915 enable_gvt=1 in modprobe.d"
  private let fix = ["printf 'options i915 enable_gvt=1\\n' >/etc/modprobe.d/vgpu-i915.conf"]

  func examine(_ machine: Machine) -> Verdict {
    let value = machine.parameters.value("enable_gvt", of: "i915")
    let isOn = value.text.map { ["1", "Y", "y", "on"].contains($0) } ?? false
    switch value {
    case .missing:
      return .fail(
        "this i915 was built without GVT-g",
        remedy: "take a kernel with CONFIG_DRM_I915_GVT")
    case .notLoaded:
      return .fail("i915 is not loaded", remedy: "modprobe i915", fix: isOn ? [] : fix)
    case .told where isOn:
      return .ok("1, as it was told (only root sees what is in force)")
    case .actual where isOn:
      return .ok("on")
    case .actual, .told:
      return .fail("off", remedy: remedy, fix: fix)
    }
  }
}
