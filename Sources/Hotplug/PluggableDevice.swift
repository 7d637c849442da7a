// SPDX-License-Identifier: Apache-2.0

/// A device of the host's that a running guest can be given.
public enum PluggableDevice: Hashable, Sendable {
  /// A SCSI device by a node of it, such as `/dev/sr0`, `/dev/sda` or `/dev/sg3`: all its commands
  /// reach the hardware, burning and ejecting included (SCSI generic).
  case scsi(node: String)
  /// The USB device of these identifiers, on whatever port it is or will be.
  case usb(vendor: UInt16, product: UInt16)
  /// The USB device at this bus and address, as lsusb(8) shows them.
  case usbAddress(bus: UInt8, address: UInt8)

  /// Reads `/dev/sr0`, `usb:046d:c52b` or `usb:1.4`; `usb:` may be left out.
  ///
  /// - Throws: `HotplugError.notADevice`.
  public init(parsing text: String) throws(HotplugError) {
    guard let device = Self(text) else { throw .notADevice(text) }
    self = device
  }

  private init?(_ text: String) {
    if text.hasPrefix("/dev/") {
      let name = text.dropFirst(5)
      guard !name.isEmpty, name.utf8.allSatisfy(Self.isNameByte) else { return nil }
      self = .scsi(node: text)
      return
    }
    let rest = text.hasPrefix("usb:") ? text.dropFirst(4) : text[...]
    let numbers = rest.split(separator: ":", omittingEmptySubsequences: false)
    if numbers.count == 2 {
      guard let vendor = Self.identifier(numbers[0]), let product = Self.identifier(numbers[1])
      else { return nil }
      self = .usb(vendor: vendor, product: product)
      return
    }
    let places = rest.split(separator: ".", omittingEmptySubsequences: false)
    guard places.count == 2, let bus = UInt8(places[0]), let address = UInt8(places[1]), bus > 0,
      address > 0
    else { return nil }
    self = .usbAddress(bus: bus, address: address)
  }

  /// Four hexadecimal digits, and nothing that `UInt16` takes besides.
  private static func identifier(_ text: Substring) -> UInt16? {
    guard text.utf8.count == 4, text.allSatisfy(\.isHexDigit) else { return nil }
    return UInt16(text, radix: 16)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  static let idPrefix = "vgpu-plug-"

  /// What QEMU is told to call it: the same whenever the same device is named.
  var id: String {
    switch self {
    case .scsi(let node): "\(Self.idPrefix)\(node.dropFirst(5))"
    case .usb(let vendor, let product):
      "\(Self.idPrefix)\(Self.digits(vendor))-\(Self.digits(product))"
    case .usbAddress(let bus, let address): "\(Self.idPrefix)\(bus).\(address)"
    }
  }

  /// What was plugged under an id; `nil` for an id of another's.
  init?(id: String) {
    guard id.hasPrefix(Self.idPrefix) else { return nil }
    let name = id.dropFirst(Self.idPrefix.count)
    let numbers = name.split(separator: "-", omittingEmptySubsequences: false)
    if numbers.count == 2, numbers.allSatisfy({ Self.identifier($0) != nil }) {
      self.init("\(numbers[0]):\(numbers[1])")
    } else if name.contains(".") {
      self.init(String(name))
    } else {
      self.init("/dev/\(name)")
    }
  }

  private static func digits(_ number: UInt16) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: 4 - text.count) + text
  }
}

extension PluggableDevice: CustomStringConvertible {
  /// As it is named on a command line.
  public var description: String {
    switch self {
    case .scsi(let node): node
    case .usb(let vendor, let product): "usb:\(Self.digits(vendor)):\(Self.digits(product))"
    case .usbAddress(let bus, let address): "usb:\(bus).\(address)"
    }
  }
}
