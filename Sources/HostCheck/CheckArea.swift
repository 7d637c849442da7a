// SPDX-License-Identifier: Apache-2.0

/// What a check is about: the heading that it stands under.
public enum CheckArea: String, CaseIterable, Codable, Sendable {
  /// Processor, graphics, IOMMU.
  case hardware = "Hardware"
  /// The kernel, its options and modules.
  case kernel = "Kernel"
  /// The GPU's mediated devices.
  case vGPUs = "vGPUs"
  /// The device that a guest is to have.
  case device = "Device"
  /// What this user may do.
  case rights = "Rights"
  /// QEMU and firmware.
  case qemu = "QEMU"
  /// What shows the guest.
  case display = "Display"
}
