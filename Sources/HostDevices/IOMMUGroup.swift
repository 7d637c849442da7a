// SPDX-License-Identifier: Apache-2.0

/// Devices that the IOMMU cannot tell apart: `/sys/kernel/iommu_groups/<number>`.
///
/// JSON keys are the properties' names; what is `nil` is left out.
public struct IOMMUGroup: Hashable, Codable, Sendable {
  /// The group's number, which its node `/dev/vfio/<number>` has too.
  public let number: Int
  /// The names of its devices in folder `devices`: PCI addresses, or an mdev's UUID.
  public let devices: [String]
  /// How the host translates their DMA: file `type`, such as `DMA-FQ` or `identity`.
  public let type: String?
}
