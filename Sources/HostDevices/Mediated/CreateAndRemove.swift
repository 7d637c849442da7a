// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import SystemPackage

extension HostHardware {
  /// Creates an mdev: writes its UUID to `mdev_supported_types/<type>/create` of the parent, and
  /// waits until the mdev's nodes exist. An mdev whose nodes do not come is removed again.
  ///
  /// - Parameters:
  ///   - type: the type's id, such as `i915-GVTg_V5_4`.
  ///   - parent: the parent's name; `nil` for the first one that has an instance left.
  ///   - uuid: the new mdev's name.
  ///   - timeout: the longest wait for udev and the driver.
  /// - Returns: the mdev, with at least one node in `/dev/vfio` that can be opened.
  /// - Throws: `HostDevicesError`: `noParents`, `noTypes`, `unknownParent`, `unknownType`, `ambiguousType`,
  ///   `noInstancesLeft`, `uuidInUse`, `incomplete`, or `system` with the kernel's reason.
  public func create(
    type: String, parent: String? = nil, uuid: MdevUUID = .random(),
    timeout: Duration = .seconds(2)
  ) throws(HostDevicesError) -> MdevDevice {
    let place = try place(type: type, parent: parent)
    do {
      try sysfs.write("\(uuid)", to: "\(place.parent.typesFolder)/\(place.type.id)/create")
    } catch {
      throw refusal(error, of: place.type, uuid: uuid)
    }
    var defect: MdevDefect?
    let isReady = waitUntil(timeout) {
      defect = self.defect(of: uuid)
      return defect == nil
    }
    if isReady, let device = device(uuid) { return device }
    throw .incomplete(
      uuid: uuid, defect: defect ?? .unlisted, remains: removeAgain(uuid, timeout: timeout))
  }

  /// Checks whether an mdev of a type could be created now, without creating one.
  ///
  /// - Throws: `HostDevicesError` as `create` does before it asks the kernel.
  public func checkOffer(type: String, parent: String? = nil) throws(HostDevicesError) {
    _ = try place(type: type, parent: parent)
  }

  /// Why an unusable new mdev could not be removed; `nil` when it is gone.
  private func removeAgain(_ uuid: MdevUUID, timeout: Duration) -> String? {
    do {
      try remove(uuid, timeout: timeout)
      return nil
    } catch .noSuchDevice {
      return nil
    } catch {
      return error.description
    }
  }

  private typealias Place = (parent: MdevParent, type: MdevType)

  /// The parent and the type that a caller means.
  private func place(type id: String, parent name: String?) throws(HostDevicesError) -> Place {
    let parents = try parents()
    if parents.isEmpty { throw .noParents }
    if let name, !parents.contains(where: { $0.name == name }) {
      throw .unknownParent(name: name, existing: parents.map(\.name))
    }
    var all: [Place] = []
    for parent in parents where name == nil || parent.name == name {
      all += try types(of: parent).map { (parent, $0) }
    }
    if all.isEmpty {
      throw .noTypes(parents: parents.map(\.name).filter { name == nil || $0 == name })
    }
    let offers = all.filter { $0.type.id == id }
    guard let first = offers.first else {
      throw .unknownType(id: id, existing: Set(all.map(\.type.id)).sorted())
    }
    // A driver that tells no count may have an instance left: it is tried after the drivers that
    // tell one.
    let candidates =
      offers.filter { ($0.type.availableInstances ?? 0) > 0 }
      + offers.filter { $0.type.availableInstances == nil }
    guard let choice = candidates.first else {
      throw .noInstancesLeft(type: first.type.id, parents: offers.map(\.parent.name))
    }
    guard candidates.allSatisfy({ $0.type.isInterchangeable(with: choice.type) }) else {
      throw .ambiguousType(id: id, parents: candidates.map(\.parent.name))
    }
    return choice
  }

  private func refusal(
    _ error: SystemCallError, of type: MdevType, uuid: MdevUUID
  ) -> HostDevicesError {
    switch error.errno {
    case .fileExists:
      .uuidInUse(uuid)
    case .noSpace, .tooManyUsers:
      .noInstancesLeft(type: type.id, parents: [type.parent])
    default:
      .system(error.advisedForMdev)
    }
  }

  /// The part that an mdev still lacks before a program can open it.
  private func defect(of uuid: MdevUUID) -> MdevDefect? {
    guard let device = device(uuid) else { return .unlisted }
    let announced = announcedDeviceNode(ofDevice: device.path)
    if let group = device.iommuGroup, device.groupNode == nil {
      return .noNode(path: "/dev/vfio/\(group)")
    }
    if let announced, device.deviceNode == nil { return .noNode(path: announced) }
    // A kernel without CONFIG_VFIO_GROUP gives mdevs no group, only a node of their own.
    if device.groupNode == nil, device.deviceNode == nil { return .noGroup }
    return nil
  }
}

extension MdevType {
  /// Whether a guest's mdev would be the same on either of the two parents.
  fileprivate func isInterchangeable(with other: MdevType) -> Bool {
    name == other.name && description == other.description && deviceAPI == other.deviceAPI
  }
}

extension HostHardware {
  /// Removes an mdev: writes 1 to `/sys/bus/mdev/devices/<uuid>/remove`, and waits until it is gone.
  ///
  /// An mdev that somebody has open is not removed. The call checks for users beforehand, because
  /// the kernel would make the writer wait until the mdev is closed, and nothing could end that
  /// wait.
  ///
  /// - Parameters:
  ///   - uuid: the mdev's name.
  ///   - timeout: the longest wait for an invisible user to close the mdev, and for the kernel to
  ///     take it away.
  /// - Throws: `HostDevicesError`: `noSuchDevice`, `inUse`, `stillThere`, or `system` with the
  ///   kernel's reason.
  public func remove(
    _ uuid: MdevUUID, timeout: Duration = .seconds(2)
  ) throws(HostDevicesError) {
    let path = MdevDevice.path(uuid)
    guard sysfs.exists(path) else {
      throw .noSuchDevice(uuid, existing: try devices().map(\.uuid))
    }
    try checkUnused(uuid, within: timeout)
    do {
      try sysfs.write("1", to: "\(path)/remove")
    } catch {
      switch error.errno {
      case .resourceBusy: throw .inUse(uuid, processes: [])
      case .noSuchFileOrDirectory, .operationNotSupportedByDevice:
        // Another process removes it at this moment, so only waiting is left.
        break
      default: throw .system(error.advisedForMdev)
      }
    }
    let isGone = waitUntil(timeout) { !sysfs.exists(path) }
    if !isGone { throw .stillThere(uuid) }
  }
}
