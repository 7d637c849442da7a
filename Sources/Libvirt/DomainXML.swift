// SPDX-License-Identifier: Apache-2.0

import HostDevices
import SafeText

/// What is read of a domain's XML (libvirt, "Domain XML format").
struct DomainXML {
  private static let hostdev = ["domain", "devices", "hostdev"]
  private static let address = hostdev + ["source", "address"]

  /// The devices of the host's that the domain has, in order: those of `<hostdev mode='subsystem'>`
  /// elements of the types `mdev` and `pci`, and those that its `<qemu:commandline>` hands to QEMU past
  /// libvirt. Elements of the same names elsewhere, as in `<metadata>`, are none.
  let devices: [AssignedDevice]

  /// libvirt's elements for QEMU, whichever prefix a document has for them.
  private static let qemuNamespace = "http://libvirt.org/schemas/domain/qemu/1.0"

  init(_ xml: [UInt8]) throws(XMLScanner.Defect) {
    var scanner = XMLScanner(xml)
    var path: [String] = []
    var type: String?
    var argument: [String] = []
    var found: [AssignedDevice] = []
    var arguments: [String] = []
    while let tag = try scanner.next() {
      switch tag {
      case .start(let name, let attributes):
        path.append(name)
        if path.count == 1 {
          guard name == "domain" else { throw scanner.defect("<\(name)>, no <domain>") }
          argument = Self.argument(attributes)
        }
        if path == Self.hostdev { type = attributes["type"] }
        if path == Self.address {
          switch type {
          case "mdev": found.append(try Self.mdev(attributes, scanner))
          case "pci": if let address = Self.pci(attributes) { found.append(.pci(address)) }
          default: break
          }
        }
        if path == argument { arguments.append(attributes["value"] ?? "") }
      case .end:
        _ = path.popLast()
      }
    }
    devices = found + AssignedDevice.named(inQEMUArguments: arguments)
  }

  /// Where QEMU's arguments are in a document with these attributes of its root.
  private static func argument(_ attributes: [String: String]) -> [String] {
    let prefix = attributes.first { name, value in
      value == qemuNamespace && name.hasPrefix("xmlns:")
    }?.key.dropFirst("xmlns:".count)
    return prefix.map { ["domain", "\($0):commandline", "\($0):arg"] } ?? []
  }

  private static func mdev(
    _ attributes: [String: String], _ scanner: XMLScanner
  ) throws(XMLScanner.Defect) -> AssignedDevice {
    let text = attributes["uuid"] ?? ""
    guard let uuid = MdevUUID(text) else { throw scanner.defect("'\(text)', no mdev's UUID") }
    return .mdev(uuid)
  }

  private static func pci(_ attributes: [String: String]) -> PCIAddress? {
    func number(_ name: String) -> UInt64? {
      guard let text = attributes[name] else { return name == "domain" ? 0 : nil }
      // libvirt writes 0x in front of all, and reads decimal numbers too.
      return text.hasPrefix("0x")
        ? hexadecimalNumber(text.dropFirst(2), digits: 1...8)
        : decimalNumber(text).map(UInt64.init)
    }
    guard let domain = number("domain").flatMap(UInt32.init(exactly:)),
      let bus = number("bus").flatMap(UInt8.init(exactly:)),
      let slot = number("slot").flatMap(UInt8.init(exactly:)),
      let function = number("function").flatMap(UInt8.init(exactly:))
    else { return nil }
    return PCIAddress(domain: domain, bus: bus, device: slot, function: function)
  }
}
