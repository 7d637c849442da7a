// SPDX-License-Identifier: Apache-2.0

/// The record of a PCI function, made before its driver is changed for the first time.
struct PCIBindingRecord: Hashable, Sendable {
  let address: PCIAddress
  /// The ids of the recorded device, because another device may come into the slot.
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

  /// Reads the format of `text`; `nil` for anything else, which another program wrote.
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

  /// Whether it describes the device that has the address now.
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

/// The records of changed PCI functions, in a `RecordFolder`.
struct PCIBindingStore: Sendable {
  private let records: RecordFolder

  /// - Parameter root: the folder that holds the host's `/run` on this machine; empty for `/`.
  init(root: String) { records = RecordFolder("pci", root: root) }

  /// The folder's path on this machine.
  var folder: String { records.folder }

  /// The functions that have a record, sound or not.
  func addresses() -> [PCIAddress] { records.addresses() }

  /// A function's record; `nil` when there is none.
  func record(of address: PCIAddress) throws(PCIBindingError) -> PCIBindingRecord? {
    guard let text = try records.text(of: address) else { return nil }
    guard let record = PCIBindingRecord(text, address: address) else {
      throw .record(records.file(address), reason: "it is none of vgpu's")
    }
    return record
  }

  /// Keeps a record, unless the function has one: the first record tells the host's own binding.
  func keep(_ record: PCIBindingRecord) throws(PCIBindingError) {
    try records.keep(record.text, of: record.address)
  }

  /// Forgets a function's record.
  func forget(_ address: PCIAddress) { records.forget(address) }
}
