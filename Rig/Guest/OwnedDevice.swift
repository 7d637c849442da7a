// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices
import VFIO

/// A device with all that its owner holds besides, as a VM manager does: the group's descriptor is
/// also what tells others which vGPU a process has.
struct OwnedDevice: ~Copyable {
  let device: Device
  private let container: Container?
  private let group: Group?

  init(_ vGPU: MdevDevice, interface: String) throws {
    switch interface {
    case "cdev":
      guard let node = vGPU.deviceNode else {
        throw ValidationError("\(vGPU.uuid) has no node of its own")
      }
      let iommufd = try IOMMUFD()
      let device = try Device(cdev: node, iommufd: iommufd)
      try device.attach(to: try iommufd.makeAddressSpace())
      self.device = device
      container = nil
      group = nil
    case "group":
      guard let number = vGPU.iommuGroup else {
        throw ValidationError("\(vGPU.uuid) has no IOMMU group")
      }
      let container = try Container()
      let group = try Group(number: number)
      try group.setContainer(container)
      try container.setIOMMU(.type1v2)
      device = try group.device(named: "\(vGPU.uuid)")
      self.container = consume container
      self.group = consume group
    default:
      throw ValidationError("--interface \(interface): group or cdev")
    }
  }
}
