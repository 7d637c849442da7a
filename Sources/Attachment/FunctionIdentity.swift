// SPDX-License-Identifier: Apache-2.0

import HostDevices
import VFIO

/// The numbers that tell one function of a device from another: its ids and its class. sysfs has them by
/// the function's address, and an open device has them in its configuration space. vfio-pci also fills in
/// the ids that a virtual function's own registers lack.
struct FunctionIdentity: Equatable {
  private let vendor: UInt16
  private let device: UInt16
  private let classCode: UInt32

  /// The numbers of a function of this host.
  init(of function: PCIFunction) {
    vendor = function.vendor.rawValue
    device = function.device.rawValue
    classCode = function.classCode.rawValue
  }

  /// Reads the numbers of an open device; `nil` for one that is no PCI device.
  init?(of device: borrowing Device) {
    guard device.info.flags.contains(.pci),
      let space = try? device.regionInfo(PCIRegion.config),
      let vendor = try? device.read(space, at: Register.vendor, as: UInt16.self),
      let number = try? device.read(space, at: Register.device, as: UInt16.self),
      let revisionAndClass = try? device.read(space, at: Register.revision, as: UInt32.self)
    else { return nil }
    self.vendor = vendor
    self.device = number
    classCode = revisionAndClass >> 8
  }

  /// The bytes of the configuration space (PCI Local Bus Specification 3.0, 6.1).
  private enum Register {
    static let vendor: UInt64 = 0
    static let device: UInt64 = 2
    /// The class is the upper three bytes of the four that begin with the revision.
    static let revision: UInt64 = 8
  }
}
