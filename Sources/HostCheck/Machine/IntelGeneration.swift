// SPDX-License-Identifier: Apache-2.0

import HostDevices
import LinuxSystem

/// The generation of an Intel GPU, from the first digits of its device number, as in the kernel's
/// list (`include/drm/intel/i915_pciids.h`).
struct IntelGeneration: Equatable {
  let name: String
  /// The first Linux version whose GVT-g knows the generation (`intel_gvt.c`, is_supported_device)
  /// and whose vGPUs have a screen; `nil` when no GVT-g knows it.
  let gvtSince: KernelVersion?
  /// Whether QEMU's legacy mode can pass the GPU to a guest with its screen: up to generation 9 of
  /// the display.
  let hasLegacyMode: Bool

  init?(_ function: PCIFunction) {
    guard function.vendor.rawValue == 0x8086, function.classCode.isDisplay else { return nil }
    let old: (String) -> IntelGeneration = { IntelGeneration($0, gvtSince: nil, isLegacy: true) }
    let good: (String, Int, Int) -> IntelGeneration = { name, major, minor in
      IntelGeneration(name, gvtSince: KernelVersion(major, minor), isLegacy: true)
    }
    let new: (String) -> IntelGeneration = { IntelGeneration($0, gvtSince: nil, isLegacy: false) }
    let device = function.device.rawValue
    switch (device >> 8, device) {
    case (_, 0x0a84), (_, 0x1a84...0x1a85), (_, 0x5a84...0x5a85): self = good("Apollo Lake", 4, 19)
    case (_, 0x0150...0x016f): self = old("Ivy Bridge")
    case (0x01, _): self = old("Sandy Bridge")
    case (0x04, _), (0x0a, _), (0x0c, _), (0x0d, _): self = old("Haswell")
    case (0x16, _): self = good("Broadwell", 4, 16)
    case (0x19, _): self = good("Skylake", 4, 16)
    case (0x59, _), (_, 0x87c0): self = good("Kaby Lake", 4, 16)
    case (0x3e, _), (_, 0x87ca): self = good("Coffee Lake", 5, 1)
    case (0x9b, _): self = good("Comet Lake", 5, 2)
    case (0x31, _): self = old("Gemini Lake")
    case (0x5a, _): self = new("Cannon Lake")
    case (0x8a, _): self = new("Ice Lake")
    case (0x45, _), (0x4e, _): self = new("Elkhart Lake or Jasper Lake")
    case (0x9a, _): self = new("Tiger Lake")
    case (0x4c, _): self = new("Rocket Lake")
    case (0x46, _): self = new("Alder Lake")
    case (0xa7, _): self = new("Raptor Lake")
    case (0x7d, _): self = new("Meteor Lake")
    case (0x49, _), (0x56, _), (0xe2, _): self = new("Intel graphics card")
    default: self = new("another generation of Intel's")
    }
  }

  var hasGVT: Bool { gvtSince != nil }

  private init(_ name: String, gvtSince: KernelVersion?, isLegacy: Bool) {
    self.name = name
    self.gvtSince = gvtSince
    hasLegacyMode = isLegacy
  }
}
