// SPDX-License-Identifier: Apache-2.0

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

  /// One of the kernel's own (the Linux Foundation's number), which are nobody's to give.
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
  /// The USB devices that are plugged in, hubs included, in the order of their names; none where
  /// the host has no USB.
  public func usbDevices() -> [USBDevice] {
    let folder = "/sys/bus/usb/devices"
    return sysfs.readableNames(in: folder).compactMap { name in
      func number<Number: FixedWidthInteger>(_ file: String, radix: Int) -> Number? {
        sysfs.text("\(folder)/\(name)/\(file)").flatMap { Number($0, radix: radix) }
      }
      // Interfaces are listed beside their devices, and have none of these.
      guard let vendor: UInt16 = number("idVendor", radix: 16),
        let product: UInt16 = number("idProduct", radix: 16),
        let bus: UInt8 = number("busnum", radix: 10),
        let device: UInt8 = number("devnum", radix: 10)
      else { return nil }
      return USBDevice(vendor: vendor, product: product, bus: bus, device: device)
    }
  }
}
