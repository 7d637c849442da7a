// SPDX-License-Identifier: Apache-2.0

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
  /// Types of other interfaces than `vfio-pci` are left out: VFIO has screens on PCI devices alone,
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

  /// The same, and the types of mediated devices that have no screen.
  package func allTypes(of parent: MdevParent) throws(HostDevicesError) -> [MdevType] {
    try sysfs.names(in: parent.typesFolder).compactMap { id in
      guard let path = sysfs.resolve("\(parent.typesFolder)/\(id)") else { return nil }
      // A type without an interface is one that the kernel has not finished, or is taking away.
      let api = sysfs.text("\(path)/device_api")
      let available = sysfs.number("\(path)/available_instances")
      guard api != nil || available != nil else { return nil }
      return MdevType(
        id: id, parent: parent.name, name: sysfs.text("\(path)/name"),
        description: sysfs.text("\(path)/description"), availableInstances: available,
        deviceAPI: api)
    }
  }

  /// The mdevs, by UUID: `/sys/bus/mdev/devices`. Those whose types `types` leaves out are left out.
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

  /// Whether there is an mdev, and it is not being removed: stat(2) of `/sys/bus/mdev/devices/<uuid>`,
  /// which the kernel takes away before it waits for whoever has the mdev open.
  public func exists(_ uuid: MdevUUID) -> Bool { sysfs.exists(MdevDevice.path(uuid)) }

  /// One mdev: `/sys/bus/mdev/devices/<uuid>`; `nil` when there is none, or when the kernel has not
  /// yet given it a type.
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

  /// The node that folder `vfio-dev` speaks of, whether `/dev` has it or not. A kernel without
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

  private func existing(_ node: String) -> String? { sysfs.exists(node) ? node : nil }
}

extension MdevParent {
  var typesFolder: String { "\(path)/mdev_supported_types" }
}

extension MdevDevice {
  static let folder = "/sys/bus/mdev/devices"

  static func path(_ uuid: MdevUUID) -> String { "\(folder)/\(uuid)" }
}
