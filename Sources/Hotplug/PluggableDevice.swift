// SPDX-License-Identifier: Apache-2.0

public import HostDevices

/// A device of the host's that a running guest can be given.
@nonexhaustive
public enum PluggableDevice: Hashable, Sendable {
  /// A SCSI device by a node of it, such as `/dev/sr0`, `/dev/sda` or `/dev/sg3`: all its commands
  /// reach the hardware, burning and ejecting included (SCSI generic).
  case scsi(node: String)
  /// A USB device, as lsusb(8) shows it.
  case usb(USBSelector)

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
    guard let selector = USBSelector(text) else { return nil }
    self = .usb(selector)
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
    // QEMU's ids have no colons.
    case .usb(let selector):
      Self.idPrefix + String("\(selector)".map { $0 == ":" ? "-" : $0 })
    }
  }

  /// What was plugged under an id; `nil` for an id of another's.
  init?(id: String) {
    guard id.hasPrefix(Self.idPrefix) else { return nil }
    let name = id.dropFirst(Self.idPrefix.count)
    if let selector = USBSelector(String(name.map { $0 == "-" ? ":" : $0 })) {
      self = .usb(selector)
    } else {
      self.init("/dev/\(name)")
    }
  }
}

extension PluggableDevice: CustomStringConvertible {
  /// As it is named on a command line.
  public var description: String {
    switch self {
    case .scsi(let node): node
    case .usb(let selector): "usb:\(selector)"
    }
  }
}
