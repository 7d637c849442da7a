// SPDX-License-Identifier: Apache-2.0

/// A device of the host that a command line or a file assigns to a guest. It is only a hint where
/// to look: the kernel tells which device a guest really has.
@nonexhaustive
public enum AssignedDevice: Hashable, Sendable {
  /// A mediated device.
  case mdev(MdevUUID)
  /// A PCI function, physical or virtual (SR-IOV).
  case pci(PCIAddress)
}

extension AssignedDevice: CustomStringConvertible {
  /// The name with its bus, as targets have it: `mdev:UUID`, `pci:0000:03:02.1`.
  public var description: String {
    switch self {
    case .mdev: "mdev:\(busName)"
    case .pci: "pci:\(busName)"
    }
  }

  /// Its name on its bus, as VFIO has it: a UUID, or an address with its domain.
  public var busName: String {
    switch self {
    case .mdev(let uuid): "\(uuid)"
    case .pci(let address): "\(address)"
    }
  }

  /// Reads a device's name on its bus; `nil` for anything else.
  public init?(busName: String) {
    if let uuid = MdevUUID(busName) {
      self = .mdev(uuid)
    } else if let address = PCIAddress(busName) {
      self = .pci(address)
    } else {
      return nil
    }
  }
}
