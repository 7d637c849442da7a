// SPDX-License-Identifier: Apache-2.0

public import HostDevices

/// A device of the host that can be plugged into a running guest.
@nonexhaustive
public enum PluggableDevice: Hashable, Sendable {
  /// A SCSI device, by one of its nodes, such as `/dev/sr0`, `/dev/sda` or `/dev/sg3`. All commands
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

  /// The device's id in QEMU. The same device always gets the same id.
  var id: String {
    switch self {
    case .scsi(let node): "\(Self.idPrefix)\(node.dropFirst(5))"
    // QEMU's ids have no colons.
    case .usb(let selector):
      Self.idPrefix + String("\(selector)".map { $0 == ":" ? "-" : $0 })
    }
  }

  /// The device that was plugged with this id; `nil` for an id that another program made.
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
  /// The device's name on a command line.
  public var description: String {
    switch self {
    case .scsi(let node): node
    case .usb(let selector): "usb:\(selector)"
    }
  }
}
