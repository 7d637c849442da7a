// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import SystemPackage

/// A PCI function's driver before a change and after it.
///
/// In JSON: `pciAddress`, `driver`, and `previousDriver` for the one before. What is `nil` is null.
public struct PCIBinding: Hashable, Codable, Sendable {
  /// The function.
  public let address: PCIAddress
  /// The driver that it was bound to; `nil` when it was unbound.
  public let before: String?
  /// The driver that it is bound to; `nil` when it is unbound.
  public let after: String?

  package init(address: PCIAddress, before: String?, after: String?) {
    self.address = address
    self.before = before
    self.after = after
  }

  private enum CodingKeys: String, CodingKey {
    case address = "pciAddress"
    case before = "previousDriver"
    case after = "driver"
  }

  /// Writes every key.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(address, forKey: .address)
    try values.encode(before, forKey: .before)
    try values.encode(after, forKey: .after)
  }
}

/// Takes PCI functions from the host's drivers and gives them back: the kernel's `driver_override`,
/// `unbind`, `bind` and `drivers_probe` (Documentation/ABI/testing/sysfs-bus-pci). Needs root.
///
/// `/run/vgpu/pci` keeps a record of each function's original binding until the function is
/// restored or the host restarts. A call changes all of its functions or none.
public struct PCIBindings: Sendable {
  let host: HostHardware
  let store: PCIBindingStore
  /// The time that a driver may take to bind or to unbind.
  let timeout: Duration

  /// Works on the tree of `host`.
  ///
  /// - Parameters:
  ///   - host: the host, or a captured tree of one.
  ///   - timeout: the time that a driver may take to bind or to unbind after the kernel accepted
  ///     the request; most drivers have finished by then.
  public init(host: HostHardware = HostHardware(), timeout: Duration = .seconds(2)) {
    self.host = host
    self.timeout = timeout
    store = PCIBindingStore(root: host.sysfs.location(""))
  }

  /// The functions that `restore` would give back.
  public var remembered: [PCIAddress] { store.addresses() }

  /// Binds functions to a driver. Each function takes along the other functions of its device that
  /// are in its IOMMU group. Functions with groups of their own, and virtual functions (SR-IOV),
  /// are devices of their own: they are bound only when they are named.
  ///
  /// For a VFIO driver a group must go whole: each other device in it that is no bridge must be
  /// named too, have no driver, or have a VFIO driver already.
  ///
  /// - Parameters:
  ///   - addresses: at least one function of each device.
  ///   - driver: its name in `/sys/bus/pci/drivers`, such as `vfio-pci`.
  ///   - isForced: also what the host uses (`HostHardware.uses(of:)`).
  /// - Returns: every function that was to be bound, also those that had the driver already.
  /// - Throws: `PCIBindingError`; the changes made until then are undone.
  public func bind(
    _ addresses: [PCIAddress], to driver: String, isForced: Bool = false
  ) throws(PCIBindingError) -> [PCIBinding] {
    guard PCIDriver.isName(driver) else { throw .invalidDriver(driver) }
    let named = try functions(addresses)
    let all = try self.all()
    let targets = all.filter { function in
      named.contains { $0.address == function.address }
        || !function.classCode.isPCIBridge && named.contains { function.goes(with: $0) }
    }
    if PCIDriver.isForGuests(driver) { try checkGroups(of: targets, all: all) }
    guard host.sysfs.exists(PCIDriver.path(driver)) else { throw .noDriver(driver) }
    let changes = targets.filter { $0.driver != driver }
    try check(changes, isForced: isForced)
    try change(changes) { function throws(PCIBindingError) in
      try write(driver, to: "\(path(function))/driver_override")
      try leave(function)
      try write("\(function.address)", to: "/sys/bus/pci/drivers_probe")
      try settle(function, driver)
    }
    return targets.map { PCIBinding(address: $0.address, before: $0.driver, after: driver) }
  }

  /// Takes functions from their drivers; the other functions of a device keep theirs.
  ///
  /// - Parameters:
  ///   - addresses: the functions.
  ///   - isForced: also what the host uses (`HostHardware.uses(of:)`).
  /// - Throws: `PCIBindingError`.
  public func unbind(
    _ addresses: [PCIAddress], isForced: Bool = false
  ) throws(PCIBindingError) -> [PCIBinding] {
    let targets = try functions(addresses)
    let changes = targets.filter { $0.driver != nil }
    try check(changes, isForced: isForced)
    try change(changes) { function throws(PCIBindingError) in
      try leave(function)
    }
    return targets.map { PCIBinding(address: $0.address, before: $0.driver, after: nil) }
  }

  /// Gives functions back to the drivers that they had before the first `bind` or `unbind`. Each
  /// function takes along the other functions of its device that are in its IOMMU group and were
  /// changed too.
  ///
  /// - Parameter addresses: `nil` for all functions that have a record. The record of a function
  ///   that is gone is deleted.
  /// - Throws: `PCIBindingError`.
  public func restore(_ addresses: [PCIAddress]? = nil) throws(PCIBindingError) -> [PCIBinding] {
    let remembered = remembered
    for address in addresses ?? [] where !remembered.contains(address) {
      throw .notRemembered(address, remembered: remembered)
    }
    let all = try self.all()
    let named = all.filter { (addresses ?? remembered).contains($0.address) }
    let targets = all.filter { function in
      remembered.contains(function.address)
        && named.contains { function.address == $0.address || function.goes(with: $0) }
    }
    var records: [PCIAddress: PCIBindingRecord] = [:]
    for function in targets {
      guard let record = try store.record(of: function.address) else { continue }
      guard record.isOf(function) else {
        throw .exchanged(function.address, record: "\(store.folder)/\(function.address)")
      }
      if let driver = record.driver, !host.sysfs.exists(PCIDriver.path(driver)) {
        throw .noDriver(driver)
      }
      records[function.address] = record
    }
    try check(targets.filter { records[$0.address]?.driver != $0.driver }, isForced: true)
    // Nothing is undone here, because each function that is back is a success. Its record is
    // deleted at once.
    for function in targets {
      guard let record = records[function.address] else { continue }
      try put(function, driver: record.driver, override: record.override)
      store.forget(function.address)
    }
    // Functions that have left the machine since then.
    for address in addresses ?? remembered where host.pciFunction(at: address) == nil {
      store.forget(address)
    }
    return targets.map {
      PCIBinding(
        address: $0.address, before: $0.driver, after: records[$0.address]?.driver ?? nil)
    }
  }
}

// The checks, before anything is changed.
extension PCIBindings {
  private func all() throws(PCIBindingError) -> [PCIFunction] {
    do {
      return try host.pciFunctions()
    } catch {
      throw .host(error)
    }
  }

  private func functions(_ addresses: [PCIAddress]) throws(PCIBindingError) -> [PCIFunction] {
    guard !addresses.isEmpty else { throw .nothingNamed }
    var functions: [PCIFunction] = []
    for address in Set(addresses).sorted() {
      guard let function = host.pciFunction(at: address) else { throw .noSuchFunction(address) }
      if function.classCode.isPCIBridge { throw .bridge(address) }
      functions.append(function)
    }
    return functions
  }

  private func checkGroups(
    of targets: [PCIFunction], all: [PCIFunction]
  ) throws(PCIBindingError) {
    for target in targets {
      guard let group = target.iommuGroup else { throw .noIOMMU(target.address) }
      let others = all.filter { other in
        other.iommuGroup == group && other.keepsGroupFromGuests
          && !targets.contains { $0.address == other.address }
      }
      if let physical = others.first(where: { $0.address == target.physicalFunction }) {
        throw .sharesWithPhysical(target.address, group: group, physical: physical.address)
      }
      if !others.isEmpty { throw .sharedGroup(target.address, group: group, others: others) }
    }
  }

  /// A function that the host uses is refused unless forced. A function that a guest uses is always
  /// refused, because the kernel would make the writer wait for the guest's end. The kernel would
  /// wait too when the driver takes along virtual functions that a guest uses.
  private func check(_ functions: [PCIFunction], isForced: Bool) throws(PCIBindingError) {
    for function in functions {
      for function in [function] + host.virtualFunctions(of: function) { try checkUnheld(function) }
      if !isForced, let use = host.uses(of: function).first {
        throw .inUse(function.address, use)
      }
    }
  }

  /// The kernel decides: a group that somebody uses, by any descriptor, cannot be opened. `/proc`
  /// only tells the user's name; it decides when the kernel has no group node to open.
  func checkUnheld(_ function: PCIFunction) throws(PCIBindingError) {
    guard let group = function.iommuGroup else { return }
    let node = "/dev/vfio/\(group)"
    var use = GroupUse.unknown
    // The kernel may still be clearing away a guest that has just ended.
    _ = waitUntil(timeout) {
      use = host.use(ofGroupNode: node)
      return use != .busy
    }
    if use == .free { return }
    let processes = host.processes(
      holding: [node, host.announcedDeviceNode(ofDevice: path(function))].compactMap { $0 }
        .filter(host.sysfs.exists))
    guard use == .busy || !processes.isEmpty else { return }
    throw .guestHolds(function.address, group: group, processes: processes)
  }
}

// The changes.
extension PCIBindings {
  private func path(_ function: PCIFunction) -> String {
    "/sys/bus/pci/devices/\(function.address)"
  }

  /// Changes functions one after the other; when one fails, its change and the earlier ones are
  /// undone.
  private func change(
    _ functions: [PCIFunction], _ body: (PCIFunction) throws(PCIBindingError) -> Void
  ) throws(PCIBindingError) {
    var changed: [(function: PCIFunction, override: String?, isNew: Bool)] = []
    do {
      for function in functions {
        let override = self.override(of: function)
        let isNew = try remember(function, override: override)
        changed.append((function, override, isNew))
        try body(function)
      }
    } catch {
      for entry in changed.reversed() {
        do {
          try put(entry.function, driver: entry.function.driver, override: entry.override)
          if entry.isNew { store.forget(entry.function.address) }
        } catch let failure {
          throw .notPutBack(
            entry.function.address, cause: error.description, remains: failure.description)
        }
      }
      throw error
    }
  }

  /// - Returns: whether the function had no record before.
  private func remember(
    _ function: PCIFunction, override: String?
  ) throws(PCIBindingError) -> Bool {
    let existing = try store.record(of: function.address)
    if let existing, existing.isOf(function) { return false }
    store.forget(function.address)
    try store.keep(PCIBindingRecord(of: function, override: override))
    return true
  }

  private func override(of function: PCIFunction) -> String? {
    guard let text = host.sysfs.text("\(path(function))/driver_override"), text != "(null)",
      PCIDriver.isName(text)
    else { return nil }
    return text
  }

  private func put(
    _ function: PCIFunction, driver: String?, override: String?
  ) throws(PCIBindingError) {
    // An empty line clears the override.
    try write(override ?? "\n", to: "\(path(function))/driver_override")
    guard host.pciFunction(at: function.address)?.driver != driver else { return }
    try leave(function)
    guard let driver else { return }
    try write("\(function.address)", to: "\(PCIDriver.path(driver))/bind")
    try settle(function, driver)
  }

  /// Takes a function from its present driver, if it has one.
  private func leave(_ function: PCIFunction) throws(PCIBindingError) {
    guard host.pciFunction(at: function.address)?.driver != nil else { return }
    try write("\(function.address)", to: "\(path(function))/driver/unbind")
    try settle(function, nil)
  }

  private func settle(_ function: PCIFunction, _ driver: String?) throws(PCIBindingError) {
    let isThere = waitUntil(timeout) {
      host.pciFunction(at: function.address)?.driver == driver
    }
    guard isThere else {
      throw .notTaken(
        function.address, driver: driver,
        instead: host.pciFunction(at: function.address)?.driver)
    }
  }

  private func write(_ text: String, to path: String) throws(PCIBindingError) {
    do {
      try host.sysfs.write(
        text, toAttribute: path, whenGone: "the device or its driver is gone; list again")
    } catch {
      throw .system(error.advising(Self.remedy(error.errno)))
    }
  }

  private static func remedy(_ errno: Errno) -> String? {
    switch errno {
    case .permissionDenied, .notPermitted:
      "changing a device's driver needs root"
    case .readOnlyFileSystem:
      "sysfs is read-only here; do it on the host, outside of the container"
    case .resourceBusy:
      "a guest uses its IOMMU group, or the driver is busy; stop the guest"
    case .noSuchFileOrDirectory, .operationNotSupportedByDevice, .noSuchAddressOrDevice:
      "the device is gone, or the driver does not know it; the kernel log (dmesg) tells"
    default:
      "the kernel log (dmesg) tells why"
    }
  }
}
