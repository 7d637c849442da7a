// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// The host's SCSI and USB devices, as sysfs shows them.
struct HostInventory {
  /// The root of the tree that holds `sys` and `dev`, without a slash at its end.
  let root: String

  /// The SCSI generic node of a device: of `/dev/sr0` such as `/dev/sg1`.
  func genericNode(of node: String) throws(HotplugError) -> String {
    let name = node.dropFirst(5)
    let folders =
      name.hasPrefix("sg")
      ? ["/sys/class/scsi_generic/\(name)/device"]
      : [
        "/sys/class/block/\(name)/device", "/sys/class/scsi_tape/\(name)/device",
      ]
    // `type` is SCSI's peripheral device type.
    guard let folder = folders.first(where: { FileTree.exists("\(root)\($0)/type") }) else {
      throw .notSCSI(node)
    }
    let generic = (try? FileTree.names(in: "\(root)\(folder)/scsi_generic"))?.sorted()
    guard let found = generic?.first(where: { $0.hasPrefix("sg") }) else {
      throw .noGenericNode(node)
    }
    return "/dev/\(found)"
  }

  /// Whether a device is a CD, DVD or BD drive (SCSI's peripheral device type 5).
  func isOptical(generic: String) -> Bool {
    number("/sys/class/scsi_generic/\(generic.dropFirst(5))/device/type", radix: 10) == 5
  }

  /// The node of a USB device.
  ///
  /// - Throws: `HotplugError.noSuchUSBDevice`.
  func usbNode(of device: PluggableDevice) throws(HotplugError) -> String {
    var existing: [String] = []
    for name in (try? FileTree.names(in: "\(root)/sys/bus/usb/devices"))?.sorted() ?? [] {
      let folder = "/sys/bus/usb/devices/\(name)"
      // Interfaces have none of these.
      guard let vendor = number("\(folder)/idVendor", radix: 16).flatMap(UInt16.init(exactly:)),
        let product = number("\(folder)/idProduct", radix: 16).flatMap(UInt16.init(exactly:)),
        let bus = number("\(folder)/busnum", radix: 10).flatMap(UInt8.init(exactly:)),
        let address = number("\(folder)/devnum", radix: 10).flatMap(UInt8.init(exactly:))
      else { continue }
      let kind = PluggableDevice.usb(vendor: vendor, product: product)
      if device == kind || device == .usbAddress(bus: bus, address: address) {
        return "/dev/bus/usb/\(Self.three(bus))/\(Self.three(address))"
      }
      // The kernel's own root hubs are nobody's to give.
      if vendor != 0x1d6b { existing.append("\(kind)") }
    }
    throw .noSuchUSBDevice(device, existing: existing)
  }

  private func number(_ path: String, radix: Int) -> Int? {
    guard let file = try? OwnedFileDescriptor.open(root + path, flags: 0),
      let bytes = try? file.readAll(limit: 64, of: path)
    else { return nil }
    let text = String(decoding: bytes, as: UTF8.self).prefix { !$0.isWhitespace }
    return Int(text, radix: radix)
  }

  private static func three(_ number: UInt8) -> String {
    let text = "\(number)"
    return String(repeating: "0", count: 3 - text.count) + text
  }
}
