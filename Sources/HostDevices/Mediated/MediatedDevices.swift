// SPDX-License-Identifier: Apache-2.0

import SafeText

/// A device that can be split into mdevs: `/sys/class/mdev_bus/<name>`.
///
/// JSON keys are the properties' names; what is `nil` is null.
public struct MdevParent: Hashable, Codable, Sendable {
  /// The name in `/sys/class/mdev_bus`: a PCI address, or, for a software device, a name such as
  /// `mbochs`.
  public let name: String
  /// The folder of the device itself, such as `/sys/devices/pci0000:00/0000:00:02.0`.
  public let path: String
  /// Its address when it is a PCI function (link `subsystem`); `nil` for a software device.
  public let pciAddress: PCIAddress?
  /// The card node of its own GPU driver, such as `/dev/dri/card0`; `nil` when it has none.
  public let cardNode: String?
  /// The render node of its own GPU driver, such as `/dev/dri/renderD128`; `nil` when it has none.
  /// A viewer that draws with this node keeps a vGPU's frames on their GPU.
  public let renderNode: String?

  /// Writes every key.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(name, forKey: .name)
    try values.encode(path, forKey: .path)
    try values.encode(pciAddress, forKey: .pciAddress)
    try values.encode(cardNode, forKey: .cardNode)
    try values.encode(renderNode, forKey: .renderNode)
  }
}

/// A kind of mdev that a parent offers: `/sys/class/mdev_bus/<parent>/mdev_supported_types/<id>`.
///
/// JSON keys are the properties' names, but for `type`, the type's id; what is `nil` is null.
public struct MdevType: Hashable, Codable, Sendable {
  /// The type's id, the folder's name, such as `i915-GVTg_V5_4`.
  public let id: String
  /// The name of the parent that offers it. Another parent may offer a type of the same id.
  public let parent: String
  /// The driver's name for it, for people to read: file `name`.
  public let name: String?
  /// The driver's description: file `description`. GVT-g writes several lines (memory, fences,
  /// largest resolution).
  public let description: String?
  /// The number of instances that can still be created now: file `available_instances`; `nil` when
  /// the driver does not tell. Creating another type on the same parent may lower it.
  public let availableInstances: Int?
  /// The VFIO interface of its mdevs: file `device_api`, such as `vfio-pci`.
  public let deviceAPI: String?

  private enum CodingKeys: String, CodingKey {
    case id = "type"
    case parent, name, description, availableInstances, deviceAPI
  }

  /// Writes every key.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(id, forKey: .id)
    try values.encode(parent, forKey: .parent)
    try values.encode(name, forKey: .name)
    try values.encode(description, forKey: .description)
    try values.encode(availableInstances, forKey: .availableInstances)
    try values.encode(deviceAPI, forKey: .deviceAPI)
  }

  /// Whether its mdevs can have a screen: VFIO has screens on PCI devices alone. True when the
  /// driver does not tell the interface.
  package var canHaveScreen: Bool { Self.canHaveScreen(deviceAPI: deviceAPI) }

  static func canHaveScreen(deviceAPI: String?) -> Bool {
    deviceAPI.map { $0 == "vfio-pci" } ?? true
  }
}

/// A mediated device: `/sys/bus/mdev/devices/<uuid>`.
///
/// JSON keys are the properties' names; what is `nil` is null.
public struct MdevDevice: Hashable, Codable, Sendable {
  /// Its UUID, the folder's name.
  public let uuid: MdevUUID
  /// Its type's id, the name that link `mdev_type` ends in.
  public let type: String
  /// Its parent's name in `/sys/class/mdev_bus`.
  public let parent: String
  /// Its parent's address when that is a PCI function.
  public let parentPCIAddress: PCIAddress?
  /// Its folder, QEMU's option `sysfsdev`: `/sys/bus/mdev/devices/<uuid>`.
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

  /// Writes every key.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(uuid, forKey: .uuid)
    try values.encode(type, forKey: .type)
    try values.encode(parent, forKey: .parent)
    try values.encode(parentPCIAddress, forKey: .parentPCIAddress)
    try values.encode(path, forKey: .path)
    try values.encode(iommuGroup, forKey: .iommuGroup)
    try values.encode(groupNode, forKey: .groupNode)
    try values.encode(deviceNode, forKey: .deviceNode)
    try values.encode(driver, forKey: .driver)
    try values.encode(renderNode, forKey: .renderNode)
  }
}

extension MdevDevice {
  /// Describes an mdev that this host does not have, such as one on another host: it has no nodes.
  public init(uuid: MdevUUID, type: String) {
    self.init(
      uuid: uuid, type: type, parent: "", parentPCIAddress: nil,
      path: "/sys/bus/mdev/devices/\(uuid)", iommuGroup: nil, groupNode: nil, deviceNode: nil,
      driver: nil, renderNode: nil)
  }
}

extension HostHardware {
  /// The devices that can be split into mdevs, by name: `/sys/class/mdev_bus`.
  ///
  /// - Throws: `HostDevicesError.system` when the folder may not be read.
  public func parents() throws(HostDevicesError) -> [MdevParent] {
    try sysfs.names(in: "/sys/class/mdev_bus").compactMap(parent)
  }

  /// The types of vGPU that all parents offer, by parent and id:
  /// `/sys/class/mdev_bus/<parent>/mdev_supported_types`.
  ///
  /// Types whose interface is not `vfio-pci` are left out: VFIO has screens on PCI devices alone,
  /// and s390's mdevs are channel and crypto devices (`vfio-ccw`, `vfio-ap`).
  ///
  /// - Throws: `HostDevicesError.system` when a folder may not be read.
  public func types() throws(HostDevicesError) -> [MdevType] {
    var types: [MdevType] = []
    for parent in try parents() { types += try self.types(of: parent) }
    return types
  }

  /// The types of vGPU that one parent offers, by id.
  ///
  /// - Throws: `HostDevicesError.system` when the folder may not be read.
  public func types(of parent: MdevParent) throws(HostDevicesError) -> [MdevType] {
    try allTypes(of: parent).filter(\.canHaveScreen)
  }

  /// All types of one parent, those of mediated devices without a screen too.
  package func allTypes(of parent: MdevParent) throws(HostDevicesError) -> [MdevType] {
    try sysfs.names(in: parent.typesFolder).compactMap { id in
      guard let path = sysfs.resolve("\(parent.typesFolder)/\(id)") else { return nil }
      // The kernel has not finished a type without an interface, or is taking it away.
      let api = sysfs.text("\(path)/device_api")
      let available = sysfs.number("\(path)/available_instances")
      guard api != nil || available != nil else { return nil }
      return MdevType(
        id: id, parent: parent.name, name: sysfs.text("\(path)/name"),
        description: sysfs.text("\(path)/description"), availableInstances: available,
        deviceAPI: api)
    }
  }

  /// The mdevs, by UUID: `/sys/bus/mdev/devices`. Mdevs whose types `types` leaves out are left out
  /// too.
  ///
  /// - Throws: `HostDevicesError.system` when the folder may not be read.
  public func devices() throws(HostDevicesError) -> [MdevDevice] {
    try sysfs.names(in: MdevDevice.folder).compactMap { MdevUUID($0) }.sorted()
      .filter { uuid in
        MdevType.canHaveScreen(
          deviceAPI: sysfs.text("\(MdevDevice.path(uuid))/mdev_type/device_api"))
      }
      .compactMap(device)
  }

  /// Whether an mdev exists and is not being removed: stat(2) of `/sys/bus/mdev/devices/<uuid>`.
  /// The kernel takes that folder away before it waits for the users of the mdev.
  public func exists(_ uuid: MdevUUID) -> Bool { sysfs.exists(MdevDevice.path(uuid)) }

  /// One mdev: `/sys/bus/mdev/devices/<uuid>`; `nil` when no mdev has this UUID, or when the kernel
  /// has not yet given it a type.
  public func device(_ uuid: MdevUUID) -> MdevDevice? {
    let path = MdevDevice.path(uuid)
    guard let type = sysfs.linkedName("\(path)/mdev_type"), let parent = parentPath(ofDevice: path),
      let parentName = parent.split(separator: "/").last.map(String.init)
    else { return nil }
    let group = iommuGroupNumber(ofDevice: path)
    return MdevDevice(
      uuid: uuid, type: type, parent: parentName, parentPCIAddress: pciAddress(ofDevice: parent),
      path: path, iommuGroup: group,
      groupNode: group.map { "/dev/vfio/\($0)" }.flatMap(existing),
      deviceNode: announcedDeviceNode(ofDevice: path).flatMap(existing),
      driver: sysfs.linkedName("\(path)/driver"), renderNode: drmNodes(ofDevice: parent).render)
  }

  /// The node that folder `vfio-dev` names, whether `/dev` has it or not. A kernel without
  /// CONFIG_VFIO_DEVICE_CDEV has the folder too, but no device number in it.
  func announcedDeviceNode(ofDevice path: String) -> String? {
    sysfs.readableNames(in: "\(path)/vfio-dev")
      .filter { $0.hasPrefix("vfio") }.compactMap { decimalNumber($0.dropFirst("vfio".count)) }
      .filter { sysfs.exists("\(path)/vfio-dev/vfio\($0)/dev") }
      .min().map { "/dev/vfio/devices/vfio\($0)" }
  }

  private func parent(named name: String) -> MdevParent? {
    guard let path = sysfs.resolve("/sys/class/mdev_bus/\(name)"), path.hasPrefix("/sys/") else {
      return nil
    }
    let nodes = drmNodes(ofDevice: path)
    return MdevParent(
      name: name, path: path, pciAddress: pciAddress(ofDevice: path), cardNode: nodes.card,
      renderNode: nodes.render)
  }

  /// An mdev's folder lies in its parent's.
  private func parentPath(ofDevice path: String) -> String? {
    guard let real = sysfs.resolve(path), real.hasPrefix("/sys/"),
      let slash = real.lastIndex(of: "/")
    else { return nil }
    return String(real[..<slash])
  }

  private func pciAddress(ofDevice path: String) -> PCIAddress? {
    guard sysfs.resolve("\(path)/subsystem") == "/sys/bus/pci" else { return nil }
    return path.split(separator: "/").last.flatMap { PCIAddress(String($0)) }
  }

  func existing(_ node: String) -> String? { sysfs.exists(node) ? node : nil }
}

extension MdevParent {
  var typesFolder: String { "\(path)/mdev_supported_types" }
}

extension MdevDevice {
  static let folder = "/sys/bus/mdev/devices"

  static func path(_ uuid: MdevUUID) -> String { "\(folder)/\(uuid)" }
}
