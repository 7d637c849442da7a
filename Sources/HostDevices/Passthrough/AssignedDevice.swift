// SPDX-License-Identifier: Apache-2.0

import SafeText

/// A device of the host that a command line or a file assigns to a guest. It is only a hint where
/// to look: the kernel tells which device a guest really has.
@nonexhaustive
public enum AssignedDevice: Hashable, Sendable {
  /// A mediated device.
  case mdev(MdevUUID)
  /// A PCI function, physical or virtual (SR-IOV).
  case pci(PCIAddress)

  /// Reads the value of one of QEMU's `-device` options. A `vfio-pci` names its device by `host=`,
  /// or by `sysfsdev=` with any of the device's paths in sysfs. `nil` for every other device.
  package init?(qemuDevice options: QEMUOptions) {
    guard options["driver"]?.hasPrefix("vfio-pci") == true else { return nil }
    // As in QEMU, the path counts when both are given, and its last part is the device's name.
    if let path = options["sysfsdev"] {
      self.init(busName: String(path.split(separator: "/").last ?? ""))
    } else if let address = options["host"].flatMap(PCIAddress.init(qemuHost:)) {
      self = .pci(address)
    } else {
      return nil
    }
  }

  /// The devices that QEMU's arguments name, in their order.
  package static func named(inQEMUArguments arguments: [String]) -> [AssignedDevice] {
    zip(arguments, arguments.dropFirst()).compactMap { option, value in
      guard option == "-device" || option == "--device" else { return nil }
      return AssignedDevice(qemuDevice: QEMUOptions(value, first: "driver"))
    }
  }
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

extension PCIAddress {
  /// As in QEMU's `host=`: numbers of any length; the domain may be left out.
  fileprivate init?(qemuHost text: String) {
    var parts = text.split(separator: ":", omittingEmptySubsequences: false)
    if parts.count == 2 { parts.insert("0", at: 0) }
    guard parts.count == 3 else { return nil }
    let slot = parts[2].split(separator: ".", omittingEmptySubsequences: false)
    guard slot.count == 2, let domain = hexadecimalNumber(parts[0], digits: 1...8),
      let bus = hexadecimalNumber(parts[1], digits: 1...2),
      let device = hexadecimalNumber(slot[0], digits: 1...2),
      let function = hexadecimalNumber(slot[1], digits: 1...1)
    else { return nil }
    self.init(
      domain: UInt32(domain), bus: UInt8(bus), device: UInt8(device), function: UInt8(function))
  }
}
