// SPDX-License-Identifier: Apache-2.0

/// A device that can be split into mdevs: `/sys/class/mdev_bus/<name>`.
///
/// JSON keys are the properties' names; what is `nil` is left out.
public struct MdevParent: Hashable, Codable, Sendable {
  /// The name in `/sys/class/mdev_bus`: a PCI address, or `mbochs` for a device of software.
  public let name: String
  /// The folder of the device itself, such as `/sys/devices/pci0000:00/0000:00:02.0`.
  public let path: String
  /// Its address when it is a PCI function (link `subsystem`); `nil` for a device of software.
  public let pciAddress: PCIAddress?
  /// The card node of its own GPU driver, such as `/dev/dri/card0`; `nil` when it has none.
  public let cardNode: String?
  /// The render node of its own GPU driver, such as `/dev/dri/renderD128`; `nil` when it has none.
  /// What a viewer draws with so that a vGPU's frames need not leave its GPU.
  public let renderNode: String?
}
