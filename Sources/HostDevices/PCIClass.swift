// SPDX-License-Identifier: Apache-2.0

/// What a PCI function is: base class, subclass and programming interface, written `0x030000` as in
/// sysfs; so it stands in JSON.
public struct PCIClass: Hashable, Sendable {
  /// The 24 bits of the configuration space.
  public let rawValue: UInt32

  /// Whether the function is a display controller (base class 3): a GPU, with a monitor or without.
  public var isDisplay: Bool { rawValue >> 16 == 0x03 }

  /// Whether the function leads to another PCI bus (base class 6, subclasses 4 and 9): a root port,
  /// a switch's port, a bridge to conventional PCI. Its driver hands no memory to it, and so may
  /// stay in a group that a guest uses.
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
