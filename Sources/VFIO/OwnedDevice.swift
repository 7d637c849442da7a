// SPDX-License-Identifier: Apache-2.0

/// A device with all that its owner holds besides, as a VM manager does. Its DMA reaches no memory
/// until some is mapped for it.
///
/// The descriptors are closed when this value ends.
public struct OwnedDevice: ~Copyable {
  /// The device.
  public let device: Device
  // The group's descriptor is also what tells others which device a process has.
  private let container: Container?
  private let group: Group?

  /// Opens a device by its own node, such as `/dev/vfio/devices/vfio0`, and gives it an IO address
  /// space of an iommufd of its own.
  ///
  /// - Throws: `VFIOError.system`, as `IOMMUFD` and `Device.init(cdev:iommufd:kernel:)` do.
  public init(cdev path: String) throws(VFIOError) {
    let iommufd = try IOMMUFD()
    let device = try Device(cdev: path, iommufd: iommufd)
    try device.attach(to: try iommufd.makeAddressSpace())
    self.device = device
    container = nil
    group = nil
  }

  /// Opens a device by its group, in a container of its own.
  ///
  /// - Parameters:
  ///   - name: its name on the bus: a PCI address or an mdev's UUID.
  ///   - group: the IOMMU group's number in sysfs.
  /// - Throws: `VFIOError`, as `Container` and `Group` do.
  public init(named name: String, inGroup group: Int) throws(VFIOError) {
    let container = try Container()
    let group = try Group(number: group)
    try group.setContainer(container)
    try container.setIOMMU(.type1v2)
    device = try group.device(named: name)
    self.container = consume container
    self.group = consume group
  }
}
