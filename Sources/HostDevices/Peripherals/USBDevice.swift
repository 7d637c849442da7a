// SPDX-License-Identifier: Apache-2.0

import SafeText

/// A USB device that is plugged in, as sysfs describes it (`/sys/bus/usb/devices`).
public struct USBDevice: Hashable, Sendable {
  /// idVendor.
  public let vendor: UInt16
  /// idProduct.
  public let product: UInt16
  /// The number of its bus.
  public let bus: UInt8
  /// Its number on that bus.
  public let device: UInt8

  /// Its node, such as `/dev/bus/usb/001/004`.
  public var node: String { "/dev/bus/usb/\(Self.three(bus))/\(Self.three(device))" }

  /// Whether it is one of the kernel's own (the Linux Foundation's number), which no guest can
  /// have.
  public var isRootHub: Bool { vendor == 0x1d6b }

  /// Whether it is meant.
  public func matches(_ selector: USBSelector) -> Bool {
    selector == .id(vendor: vendor, product: product)
      || selector == .address(bus: bus, device: device)
  }

  private static func three(_ number: UInt8) -> String {
    String(repeating: "0", count: 3 - "\(number)".utf8.count) + "\(number)"
  }
}

extension HostHardware {
  /// The USB devices that are plugged in, hubs included, in the order of their names; empty when
  /// the host has no USB.
  public func usbDevices() -> [USBDevice] {
    let folder = "/sys/bus/usb/devices"
    return sysfs.readableNames(in: folder).compactMap { name in
      func number<Number: FixedWidthInteger>(_ file: String, radix: Int) -> Number? {
        sysfs.text("\(folder)/\(name)/\(file)").flatMap { Number($0, radix: radix) }
      }
      // Interfaces are listed beside their devices, and have none of these files.
      guard let vendor: UInt16 = number("idVendor", radix: 16),
        let product: UInt16 = number("idProduct", radix: 16),
        let bus: UInt8 = number("busnum", radix: 10),
        let device: UInt8 = number("devnum", radix: 10)
      else { return nil }
      return USBDevice(vendor: vendor, product: product, bus: bus, device: device)
    }
  }
}

/// A reference to a USB device of the host, in the forms of lsusb(8).
@nonexhaustive
public enum USBSelector: Hashable, Sendable {
  /// The device with these numbers (idVendor, idProduct), on any port, now or later.
  case id(vendor: UInt16, product: UInt16)
  /// The device that has this number now (1 to 127) on this bus. The number changes when the device
  /// is plugged in again.
  case address(bus: UInt8, device: UInt8)

  private static let devices: ClosedRange<UInt8> = 1...127

  private static func identifier(_ text: Substring) -> UInt16? {
    hexadecimalNumber(text, digits: 4...4).map { UInt16($0) }
  }

  /// At most three decimal digits, leading zeros included.
  private static func number(_ text: Substring) -> UInt8? {
    guard (1...3).contains(text.utf8.count), text.allSatisfy({ ("0"..."9").contains($0) }) else {
      return nil
    }
    return UInt8(text)
  }
}

extension USBSelector: LosslessStringConvertible {
  /// Reads `046d:c52b`, or `1.4` (bus and device, `001.004` as well), each with or without `usb:`
  /// before it; `nil` for anything else.
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

  /// The text in the form that the initializer reads, without `usb:`.
  public var description: String {
    switch self {
    case .id(let vendor, let product):
      "\(hexadecimal(vendor, digits: 4)):\(hexadecimal(product, digits: 4))"
    case .address(let bus, let device): "\(bus).\(device)"
    }
  }
}
