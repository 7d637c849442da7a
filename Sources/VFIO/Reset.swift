// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// A device that a PCI hot reset would reset with the one that was asked about.
public struct HotResetNeighbour: Hashable, Sendable {
  /// Its IOMMU group.
  public let group: UInt32
  /// Its PCI domain.
  public let domain: UInt16
  /// Its PCI bus.
  public let bus: UInt8
  /// Its PCI device number, 0 to 31.
  public let device: UInt8
  /// Its PCI function, 0 to 7.
  public let function: UInt8
}

extension Device {
  /// VFIO_DEVICE_RESET: resets the device, where `info.flags` has `reset`.
  ///
  /// - Throws: `VFIOError.system`: ENOTTY or EINVAL when the device has no reset.
  public func reset() throws(VFIOError) {
    try fd.ioctl("VFIO_DEVICE_RESET", vgpu_VFIO_DEVICE_RESET, on: name)
  }

  /// VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: which devices a reset of the slot or bus takes along. The
  /// caller must own the groups of all of them.
  ///
  /// - Throws: ENODEV when neither slot nor bus can be reset.
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
        // ENOSPC is the kernel's way to say how many there are.
        let count = Int(bytes.structure(vfio_pci_hot_reset_info.self).count)
        guard count > room, count <= 1 << 16 else { throw error }
        room = count
        continue
      }
      let count = Int(bytes.structure(vfio_pci_hot_reset_info.self).count)
      guard count <= room else {
        throw .malformed(object: name, reason: "\(count) hot-reset neighbours in room for \(room)")
      }
      return (0..<count).map { index in
        let neighbour = bytes.withUnsafeBytes {
          $0.loadUnaligned(
            fromByteOffset: header + index * entry, as: vfio_pci_dependent_device.self)
        }
        return HotResetNeighbour(
          group: neighbour.group_id, domain: neighbour.segment, bus: neighbour.bus,
          device: neighbour.devfn >> 3, function: neighbour.devfn & 7)
      }
    }
    throw .malformed(object: name, reason: "hot-reset neighbours grow each time they are asked for")
  }

  /// VFIO_DEVICE_PCI_HOT_RESET: resets the slot or bus that the device is on, with every device on
  /// it.
  ///
  /// - Parameter groups: descriptors of the groups of all `hotResetNeighbours`, borrowed, as the
  ///   proof that the caller owns them; empty for a device opened by its own node, whose iommufd
  ///   is the proof.
  /// - Throws: `VFIOError.system`: EINVAL when a group that is affected is not among them.
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
