// SPDX-License-Identifier: Apache-2.0

/// A PCI function of the host: `/sys/bus/pci/devices/<address>`.
///
/// JSON keys are the properties' names; what is `nil` is left out.
public struct PCIFunction: Hashable, Codable, Sendable {
  /// Its address, the folder's name.
  public let address: PCIAddress
  /// Who made it: file `vendor`.
  public let vendor: PCIID
  /// Which of the vendor's devices it is: file `device`.
  public let device: PCIID
  /// Who made the board: file `subsystem_vendor`.
  public let subsystemVendor: PCIID?
  /// Which of the board maker's boards it is: file `subsystem_device`.
  public let subsystemDevice: PCIID?
  /// What it is: file `class`.
  public let classCode: PCIClass
  /// The driver that it is bound to, the name that link `driver` ends in; `nil` when unbound.
  public let driver: String?
  /// Its IOMMU group's number, from link `iommu_group`; `nil` when the host has no IOMMU in use.
  public let iommuGroup: Int?
  /// Whether the firmware started the machine on it: file `boot_vga`, which only GPUs have.
  public let isBootVGA: Bool
  /// The card node of its GPU driver, such as `/dev/dri/card0`, from folder `drm`.
  public let cardNode: String?
  /// The render node of its GPU driver, such as `/dev/dri/renderD128`, from folder `drm`.
  public let renderNode: String?
}
