// SPDX-License-Identifier: Apache-2.0

/// A mediated device: `/sys/bus/mdev/devices/<uuid>`.
///
/// JSON keys are the properties' names; what is `nil` is left out.
public struct MdevDevice: Hashable, Codable, Sendable {
  /// Its UUID, the folder's name.
  public let uuid: MdevUUID
  /// Its type's id, the name that link `mdev_type` ends in.
  public let type: String
  /// Its parent's name in `/sys/class/mdev_bus`.
  public let parent: String
  /// Its parent's address when that is a PCI function.
  public let parentPCIAddress: PCIAddress?
  /// The folder, what QEMU calls `sysfsdev`: `/sys/bus/mdev/devices/<uuid>`.
  public let path: String
  /// Its IOMMU group's number, from link `iommu_group`; `nil` until a vfio driver has it.
  public let iommuGroup: Int?
  /// The node of its IOMMU group, such as `/dev/vfio/0`; `nil` when there is no such node.
  public let groupNode: String?
  /// Its own node, such as `/dev/vfio/devices/vfio0`, from folder `vfio-dev`; `nil` when the kernel
  /// has no device nodes (before Linux 6.6, or CONFIG_VFIO_DEVICE_CDEV off) or `/dev` lacks it.
  public let deviceNode: String?
  /// The vfio driver that it is bound to, the name that link `driver` ends in.
  public let driver: String?
  /// The render node of its parent's GPU; `nil` when that has none.
  public let renderNode: String?
}

extension MdevDevice {
  /// Describes an mdev that is not there, such as one on another host: it has no nodes.
  public init(uuid: MdevUUID, type: String) {
    self.init(
      uuid: uuid, type: type, parent: "", parentPCIAddress: nil,
      path: "/sys/bus/mdev/devices/\(uuid)", iommuGroup: nil, groupNode: nil, deviceNode: nil,
      driver: nil, renderNode: nil)
  }
}
