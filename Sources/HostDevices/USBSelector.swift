// SPDX-License-Identifier: Apache-2.0

/// Which of the host's USB devices is meant, as lsusb(8) names them.
public enum USBSelector: Hashable, Sendable {
  /// Whichever has these numbers (idVendor, idProduct), on whatever port it is or will be.
  case id(vendor: UInt16, product: UInt16)
  /// What is plugged in there now: its bus, and its number there (1 to 127), which changes when it
  /// is plugged in again.
  case address(bus: UInt8, device: UInt8)

  private static let devices: ClosedRange<UInt8> = 1...127

  /// A vendor's or product's number as everybody writes it: four digits.
  package static func hexadecimal(_ number: UInt16) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: 4 - text.utf8.count) + text
  }

  /// Four hexadecimal digits, and nothing that `UInt16` takes besides.
  private static func identifier(_ text: Substring) -> UInt16? {
    guard text.utf8.count == 4, text.allSatisfy(\.isHexDigit) else { return nil }
    return UInt16(text, radix: 16)
  }

  /// At most three decimal digits, zeros before the number included.
  private static func number(_ text: Substring) -> UInt8? {
    guard (1...3).contains(text.utf8.count), text.allSatisfy({ ("0"..."9").contains($0) }) else {
      return nil
    }
    return UInt8(text)
  }
}

extension USBSelector: LosslessStringConvertible {
  /// Reads `046d:c52b`, or `1.4` (bus and device, `001.004` as well), with `usb:` before it or not;
  /// `nil` for anything else.
  public init?(_ text: String) {
    let text = text.hasPrefix("usb:") ? text.dropFirst(4) : text[...]
    func parts(_ separator: Character) -> [Substring] {
      text.split(separator: separator, omittingEmptySubsequences: false)
    }
    let (numbers, places) = (parts(":"), parts("."))
    if numbers.count == 2, let vendor = Self.identifier(numbers[0]),
      let product = Self.identifier(numbers[1])
    {
      self = .id(vendor: vendor, product: product)
    } else if places.count == 2, let bus = Self.number(places[0]), bus > 0,
      let device = Self.number(places[1]), Self.devices.contains(device)
    {
      self = .address(bus: bus, device: device)
    } else {
      return nil
    }
  }

  /// As it is read, without `usb:`.
  public var description: String {
    switch self {
    case .id(let vendor, let product):
      "\(Self.hexadecimal(vendor)):\(Self.hexadecimal(product))"
    case .address(let bus, let device): "\(bus).\(device)"
    }
  }
}
