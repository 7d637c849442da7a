// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// Another device that a PCI hot reset of the asking device would reset too.
public struct HotResetNeighbour: Hashable, Sendable {
  /// Its owner, in the terms of the interface by which the asking device was opened.
  @nonexhaustive
  public enum Owner: Hashable, Sendable {
    /// The asking device was opened by its group: the neighbour's IOMMU group, whoever owns that.
    case group(UInt32)
    /// The asking device was opened by its own node: the neighbour is bound to the same iommufd,
    /// with this id.
    case device(id: UInt32)
    /// The asking device was opened by its own node: the neighbour is not open, and no other
    /// iommufd can get it.
    case owned
    /// The asking device was opened by its own node: the neighbour is not bound to the same
    /// iommufd, so that the reset is not allowed.
    case notOwned
  }

  /// Its owner.
  public let owner: Owner
  /// Its PCI domain.
  public let domain: UInt16
  /// Its PCI bus.
  public let bus: UInt8
  /// Its PCI device number, 0 to 31.
  public let device: UInt8
  /// Its PCI function, 0 to 7.
  public let function: UInt8

  /// - Parameter flags: the answer's flags: they tell the meaning of the entry's first field.
  fileprivate init(
    _ entry: vfio_pci_dependent_device, flags: UInt32, object: String
  ) throws(VFIOError) {
    if flags & vgpu_VFIO_PCI_HOT_RESET_FLAG_DEV_ID == 0 {
      owner = .group(entry.group_id)
    } else {
      switch Int32(bitPattern: entry.group_id) {
      case vgpu_VFIO_PCI_DEVID_OWNED: owner = .owned
      case vgpu_VFIO_PCI_DEVID_NOT_OWNED: owner = .notOwned
      case 1...: owner = .device(id: entry.group_id)
      case let id:
        throw .malformed(object: object, reason: "a hot-reset neighbour of device id \(id)")
      }
    }
    domain = entry.segment
    bus = entry.bus
    device = entry.devfn >> 3
    function = entry.devfn & 7
  }
}

extension Device {
  /// VFIO_DEVICE_RESET: resets the device, when `info.flags` has `reset`.
  ///
  /// - Throws: `VFIOError.system`: ENOTTY or EINVAL when the device has no reset.
  public func reset() throws(VFIOError) {
    try fd.ioctl("VFIO_DEVICE_RESET", vgpu_VFIO_DEVICE_RESET, on: name)
  }

  /// VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: the other devices that a reset of the slot or bus resets
  /// too. The caller must own all of them: with groups, their groups; with an iommufd, none may be
  /// `notOwned`.
  ///
  /// - Throws: `VFIOError.system` with ENODEV when neither slot nor bus can be reset; `.malformed`
  ///   when the answer makes no sense.
  public func hotResetNeighbours() throws(VFIOError) -> [HotResetNeighbour] {
    let header = MemoryLayout<vfio_pci_hot_reset_info>.size
    let entry = MemoryLayout<vfio_pci_dependent_device>.size
    var room = 0
    for _ in 0..<4 {
      var info = vfio_pci_hot_reset_info()
      info.argsz = UInt32(header + room * entry)
      var bytes = withUnsafeBytes(of: info) { [UInt8]($0) }
      bytes.append(contentsOf: repeatElement(0, count: room * entry))
      do {
        try fd.ioctl(
          "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", vgpu_VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, on: name,
          bytes: &bytes)
      } catch  where error.errno == .noSpace {
        // With ENOSPC the kernel reports the number of devices.
        let count = Int(bytes.structure(vfio_pci_hot_reset_info.self).count)
        guard count > room, count <= 1 << 16 else { throw error }
        room = count
        continue
      }
      let answer = bytes.structure(vfio_pci_hot_reset_info.self)
      let count = Int(answer.count)
      guard count <= room else {
        throw .malformed(object: name, reason: "\(count) hot-reset neighbours in room for \(room)")
      }
      var neighbours: [HotResetNeighbour] = []
      for index in 0..<count {
        let neighbour = bytes.withUnsafeBytes {
          $0.loadUnaligned(
            fromByteOffset: header + index * entry, as: vfio_pci_dependent_device.self)
        }
        neighbours.append(
          try HotResetNeighbour(neighbour, flags: answer.flags, object: name))
      }
      return neighbours
    }
    throw .malformed(object: name, reason: "hot-reset neighbours grow each time they are asked for")
  }

  /// VFIO_DEVICE_PCI_HOT_RESET: resets the slot or bus that the device is on, with every device on
  /// it.
  ///
  /// - Parameter groups: descriptors of the groups of all `hotResetNeighbours`, borrowed: they
  ///   prove that the caller owns the groups. Empty for a device that was opened by its own node:
  ///   there the iommufd is the proof.
  /// - Throws: `VFIOError.system`: EINVAL when `groups` lacks one that the reset affects.
  public func hotReset(groups: [Int32]) throws(VFIOError) {
    var header = vfio_pci_hot_reset()
    header.argsz = UInt32(MemoryLayout<vfio_pci_hot_reset>.size + groups.count * 4)
    header.count = UInt32(groups.count)
    var bytes = withUnsafeBytes(of: header) { [UInt8]($0) }
    groups.withUnsafeBytes { bytes.append(contentsOf: $0) }
    try fd.ioctl(
      "VFIO_DEVICE_PCI_HOT_RESET", vgpu_VFIO_DEVICE_PCI_HOT_RESET, on: name, bytes: &bytes)
  }
}
