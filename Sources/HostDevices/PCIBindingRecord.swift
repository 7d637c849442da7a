// SPDX-License-Identifier: Apache-2.0

/// What is remembered of a PCI function before its driver is changed for the first time.
struct PCIBindingRecord: Hashable, Sendable {
  let address: PCIAddress
  /// Whose record it is: another device may come into the slot.
  let vendor: PCIID
  let device: PCIID
  let driver: String?
  /// File `driver_override`, when it was set.
  let override: String?

  private static let heading = "vgpu-pci 1"
  private static let none = "-"

  init(of function: PCIFunction, override: String?) {
    address = function.address
    vendor = function.vendor
    device = function.device
    driver = function.driver
    self.override = override
  }

  /// Reads what `text` wrote; `nil` for anything else, which somebody else wrote.
  init?(_ text: String, address: PCIAddress) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count == 6, lines[0] == Self.heading, lines[5].isEmpty,
      let vendor = Self.value("vendor ", of: lines[1]).flatMap(PCIID.init),
      let device = Self.value("device ", of: lines[2]).flatMap(PCIID.init),
      let driver = Self.value("driver ", of: lines[3]).flatMap(Self.name),
      let override = Self.value("override ", of: lines[4]).flatMap(Self.name)
    else { return nil }
    self.address = address
    self.vendor = vendor
    self.device = device
    self.driver = driver == Self.none ? nil : driver
    self.override = override == Self.none ? nil : override
  }

  var text: String {
    """
    \(Self.heading)
    vendor \(vendor)
    device \(device)
    driver \(driver ?? Self.none)
    override \(override ?? Self.none)

    """
  }

  /// Whether it is of the device that is there now.
  func isOf(_ function: PCIFunction) -> Bool {
    (address, vendor, device) == (function.address, function.vendor, function.device)
  }

  private static func value(_ key: String, of line: Substring) -> String? {
    line.hasPrefix(key) ? String(line.dropFirst(key.utf8.count)) : nil
  }

  /// A driver's name becomes part of a path.
  private static func name(_ text: String) -> String? {
    PCIDriver.isName(text) ? text : nil
  }
}
