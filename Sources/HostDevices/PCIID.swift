// SPDX-License-Identifier: Apache-2.0

/// A PCI vendor or device number, written `0x8086` as in sysfs; so it stands in JSON.
public struct PCIID: Hashable, Sendable {
  /// The 16 bits of the configuration space.
  public let rawValue: UInt16

  /// Makes an id of its 16 bits.
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
