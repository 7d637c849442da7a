// SPDX-License-Identifier: Apache-2.0

import HostDevices
import QEMUArguments
import SafeText

/// The parts of a domain's XML that this module reads (libvirt, "Domain XML format").
struct DomainXML {
  private static let hostdev = ["domain", "devices", "hostdev"]
  private static let address = hostdev + ["source", "address"]

  /// The host's devices that the domain has, in order: the devices of `<hostdev mode='subsystem'>`
  /// elements of the types `mdev` and `pci`, then the devices in the QEMU arguments of
  /// `<qemu:commandline>`. Elements of the same names in other places, such as `<metadata>`, do not
  /// count.
  let devices: [AssignedDevice]

  /// Which of the domain's `<graphics>` elements is QEMU's display on D-Bus for direct clients
  /// (`type='dbus' p2p='yes'`), counted from 0; `nil` when there is none.
  let displayIndex: UInt32?

  /// The domain's virtio channels (`<channel>`), by the names that the guest sees.
  let channels: [String: LibvirtChannel]

  private static let channel = ["domain", "devices", "channel"]
  private static let channelSource = channel + ["source"]
  private static let channelTarget = channel + ["target"]
  /// Whether that display has the guest's sound: its `<audio id='N'>` names an `<audio type='dbus'>`.
  let displayHasSound: Bool

  /// Whether the guest has a touch screen (`virtio-multitouch-pci`). libvirt has no element for it, so only
  /// `<qemu:commandline>` gives a guest one.
  let hasTouchScreen: Bool

  private static let graphics = ["domain", "devices", "graphics"]
  private static let audio = ["domain", "devices", "audio"]
  /// The most `<audio>` elements that are looked at.
  private static let mostAudio = 16

  /// The namespace of libvirt's elements for QEMU. A document may use any prefix for it.
  private static let qemuNamespace = "http://libvirt.org/schemas/domain/qemu/1.0"

  init(_ xml: [UInt8]) throws(XMLScanner.Defect) {
    var scanner = XMLScanner(xml)
    var path: [String] = []
    var type: String?
    var argument: [String] = []
    var found: [AssignedDevice] = []
    var arguments: [String] = []
    var graphics: UInt32 = 0
    var display: UInt32?
    var kind: String?
    var socket: String?
    var channels: [String: LibvirtChannel] = [:]
    var displayAudio: String?
    var dbusAudio: [String] = []
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
        if path == Self.graphics {
          if attributes["type"] == "dbus", attributes["p2p"] == "yes", display == nil {
            display = graphics
          }
          graphics &+= 1
        }
        if path == Self.channel {
          kind = attributes["type"]
          socket = nil
        }
        if path == Self.channelSource, attributes["mode"] != "connect" {
          socket = attributes["path"]
        }
        if path == Self.channelTarget, attributes["type"] == "virtio",
          let name = attributes["name"], let kind, channels.count < 64
        {
          channels[name] = LibvirtChannel(kind: kind, path: kind == "unix" ? socket : nil)
        }
        if path == Self.graphics + ["audio"], let display, graphics == display &+ 1 {
          displayAudio = attributes["id"]
        }
        if path == Self.audio, attributes["type"] == "dbus", let id = attributes["id"],
          dbusAudio.count < Self.mostAudio
        {
          dbusAudio.append(id)
        }
        if path == argument { arguments.append(attributes["value"] ?? "") }
      case .end:
        _ = path.popLast()
      }
    }
    displayIndex = display
    self.channels = channels
    displayHasSound = displayAudio.map(dbusAudio.contains) ?? false
    devices = found + AssignedDevice.named(inQEMUArguments: arguments)
    hasTouchScreen = arguments.contains { $0.contains("virtio-multitouch") }
  }

  /// The path of the elements that hold QEMU's arguments, for a document whose root has these
  /// attributes.
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
      // libvirt writes every number with 0x, but also reads decimal numbers.
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
