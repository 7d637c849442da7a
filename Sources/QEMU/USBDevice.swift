// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// Which of the host's USB devices a guest gets.
public enum USBDevice: Hashable, Sendable {
  /// Whichever has these numbers, also when it is plugged in later.
  case id(vendor: UInt16, product: UInt16)
  /// What is plugged in there now: its bus and its number on it, which change when it is plugged in
  /// again.
  case address(bus: UInt16, device: UInt16)

  /// Its node, such as `/dev/bus/usb/001/004`; `nil` when no such device is plugged in.
  ///
  /// - Parameter root: where `sys` is.
  public func node(root: String = "") -> String? {
    let folder = "\(root)/sys/bus/usb/devices"
    for name in ((try? FileTree.names(in: folder)) ?? []).sorted() {
      func number(_ file: String, radix: Int) -> UInt16? {
        guard let bytes = try? SmallFile.read("\(folder)/\(name)/\(file)", limit: 64) else {
          return nil
        }
        let text = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        return text.first.flatMap { UInt16($0, radix: radix) }
      }
      // Interfaces are listed beside their devices, and have no numbers.
      guard let bus = number("busnum", radix: 10), let device = number("devnum", radix: 10) else {
        continue
      }
      let matches =
        switch self {
        case .address: self == .address(bus: bus, device: device)
        case .id(let vendor, let product):
          number("idVendor", radix: 16) == vendor && number("idProduct", radix: 16) == product
        }
      if matches { return "/dev/bus/usb/\(Self.filled(bus))/\(Self.filled(device))" }
    }
    return nil
  }

  /// Whether this user can hand it to a guest. One that is named by its numbers may be plugged in
  /// later.
  ///
  /// - Parameter root: where `sys` and `dev` are.
  /// - Throws: `QEMUError.host`.
  public func check(root: String = "") throws(QEMUError) {
    guard let node = node(root: root) else {
      if case .id = self { return }
      throw .host("USB \(self)", reason: "nothing is plugged in there; lsusb lists what is")
    }
    guard access(root + node, R_OK | W_OK) == 0 else {
      throw .host(
        "USB \(self)",
        reason: "\(node) may not be opened; run as root, or let a udev rule give it to your user")
    }
  }

  private static func filled(_ number: UInt16) -> String {
    String(repeating: "0", count: max(0, 3 - "\(number)".utf8.count)) + "\(number)"
  }
}

extension USBDevice: LosslessStringConvertible {
  /// Reads `046d:c52b`, or `1.4` (bus and device, as `lsusb` has them, zeros before or not), with
  /// `usb:` before it or not; `nil` for anything else.
  public init?(_ text: String) {
    let text = text.hasPrefix("usb:") ? text.dropFirst(4) : text[...]
    func parts(_ separator: Character) -> [Substring]? {
      let parts = text.split(separator: separator, omittingEmptySubsequences: false)
      let isPlain = parts.allSatisfy { part in
        part.allSatisfy { $0.isASCII && $0.isHexDigit } && (1...4).contains(part.utf8.count)
      }
      return parts.count == 2 && isPlain ? parts : nil
    }
    if let parts = parts(":"), let vendor = UInt16(parts[0], radix: 16),
      let product = UInt16(parts[1], radix: 16)
    {
      self = .id(vendor: vendor, product: product)
    } else if let parts = parts("."), let bus = UInt16(parts[0]), let device = UInt16(parts[1]),
      bus > 0, (1...127).contains(device)
    {
      self = .address(bus: bus, device: device)
    } else {
      return nil
    }
  }

  /// As it is read.
  public var description: String {
    switch self {
    case .id(let vendor, let product):
      "\(Self.hexadecimal(vendor)):\(Self.hexadecimal(product))"
    case .address(let bus, let device): "\(bus).\(device)"
    }
  }

  /// Four digits.
  static func hexadecimal(_ number: UInt16) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: 4 - text.utf8.count) + text
  }
}
