// SPDX-License-Identifier: Apache-2.0

import SafeText

/// A PCI function's address: domain, bus, device and function, written `0000:00:02.0`.
public struct PCIAddress: Hashable, Sendable {
  /// The PCI domain (segment); 0 on most machines. Some host bridges have more than 16 bits.
  public let domain: UInt32
  /// The bus in its domain.
  public let bus: UInt8
  /// The device on its bus, 0 to 31.
  public let device: UInt8
  /// The function of its device, 0 to 7.
  public let function: UInt8

  /// Makes an address from its parts; `nil` when the device is above 31 or the function above 7.
  public init?(domain: UInt32 = 0, bus: UInt8, device: UInt8, function: UInt8) {
    guard device < 32, function < 8 else { return nil }
    self.domain = domain
    self.bus = bus
    self.device = device
    self.function = function
  }
}

extension PCIAddress {
  /// Whether both are functions of one device: the same domain, bus and device number.
  public func isOnSameDevice(as other: PCIAddress) -> Bool {
    (domain, bus, device) == (other.domain, other.bus, other.device)
  }
}

extension PCIAddress: LosslessStringConvertible {
  /// Reads `0000:00:02.0`, or `00:02.0` for a function of domain 0; `nil` for anything else.
  public init?(_ text: String) { self.init(text, isPadded: true) }

  /// - Parameter isPadded: whether each number has all of its digits, as the kernel writes them. In QEMU's
  ///   `host=` zeros may be left out.
  package init?(_ text: String, isPadded: Bool) {
    var parts = text.split(separator: ":", omittingEmptySubsequences: false)
    if parts.count == 2 { parts.insert("0000", at: 0) }
    guard parts.count == 3 else { return nil }
    let slot = parts[2].split(separator: ".", omittingEmptySubsequences: false)
    guard slot.count == 2,
      let domain = hexadecimalNumber(parts[0], digits: (isPadded ? 4 : 1)...8),
      let bus = hexadecimalNumber(parts[1], digits: (isPadded ? 2 : 1)...2),
      let device = hexadecimalNumber(slot[0], digits: (isPadded ? 2 : 1)...2),
      let function = hexadecimalNumber(slot[1], digits: 1...1)
    else { return nil }
    self.init(
      domain: UInt32(domain), bus: UInt8(bus), device: UInt8(device), function: UInt8(function))
  }

  /// The kernel's spelling, always with the domain.
  public var description: String {
    """
    \(hexadecimal(domain, digits: 4)):\(hexadecimal(bus, digits: 2)):\
    \(hexadecimal(device, digits: 2)).\(function)
    """
  }
}

extension PCIAddress: Comparable {
  /// The order of domain, bus, device, function.
  public static func < (left: PCIAddress, right: PCIAddress) -> Bool {
    (left.domain, left.bus, left.device, left.function)
      < (right.domain, right.bus, right.device, right.function)
  }
}

extension PCIAddress: TextCodable {}

/// A PCI vendor or device number, written `0x8086` as in sysfs and in JSON.
public struct PCIID: Hashable, Sendable {
  /// The 16 bits of the configuration space.
  public let rawValue: UInt16

  /// Makes an id from its 16 bits.
  public init(rawValue: UInt16) { self.rawValue = rawValue }
}

extension PCIID: LosslessStringConvertible {
  /// Reads `0x8086`; `nil` for anything else.
  public init?(_ text: String) {
    guard text.hasPrefix("0x"), let number = hexadecimalNumber(text.dropFirst(2), digits: 4...4)
    else { return nil }
    rawValue = UInt16(number)
  }

  /// Four digits after `0x`.
  public var description: String { "0x" + hexadecimal(rawValue, digits: 4) }
}

extension PCIID: TextCodable {}

/// A PCI function's class: base class, subclass and programming interface, written `0x030000` as in
/// sysfs and in JSON.
public struct PCIClass: Hashable, Sendable {
  /// The 24 bits of the configuration space.
  public let rawValue: UInt32

  /// Whether the function is a display controller (base class 3): a GPU, with a monitor or without.
  public var isDisplay: Bool { rawValue >> 16 == 0x03 }

  /// Whether the function leads to another PCI bus (base class 6, subclasses 4 and 9): a root port,
  /// a switch's port, a bridge to conventional PCI. A bridge's driver hands no memory to it, so the
  /// bridge may keep its driver in a group that a guest uses.
  public var isPCIBridge: Bool { [0x0604, 0x0609].contains(rawValue >> 8) }
}

extension PCIClass: LosslessStringConvertible {
  /// Reads `0x030000`; `nil` for anything else.
  public init?(_ text: String) {
    guard text.hasPrefix("0x"), let number = hexadecimalNumber(text.dropFirst(2), digits: 6...6)
    else { return nil }
    rawValue = UInt32(number)
  }

  /// Six digits after `0x`.
  public var description: String { "0x" + hexadecimal(rawValue, digits: 6) }
}

extension PCIClass: TextCodable {}
