// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import SystemPackage

/// Makes and removes the virtual functions of a PCI function: the kernel's `sriov_numvfs`
/// (Documentation/PCI/pci-iov-howto.rst). Needs root.
///
/// The kernel makes all virtual functions of a function at once, and removes them all at once.
/// `/run/vgpu/sriov` keeps a record of the functions whose virtual functions this software made. The
/// physical function keeps its driver throughout.
public struct VirtualFunctions: Sendable {
  let host: HostHardware
  private let records: RecordFolder
  let timeout: Duration

  /// Works on the tree of `host`.
  ///
  /// - Parameters:
  ///   - host: the host, or a captured tree of one.
  ///   - timeout: the longest wait for a driver after the kernel accepted a request.
  public init(host: HostHardware = HostHardware(), timeout: Duration = .seconds(2)) {
    self.host = host
    self.timeout = timeout
    records = RecordFolder("sriov", root: host.sysfs.location(""))
  }

  /// The most virtual functions that a function can have: file `sriov_totalvfs`; `nil` for a function
  /// without SR-IOV, and for a virtual function.
  public func most(of address: PCIAddress) -> Int? {
    host.sysfs.number("\(Self.path(address))/sriov_totalvfs").flatMap { $0 > 0 ? $0 : nil }
  }

  /// The virtual functions that a function has now, by address.
  public func all(of address: PCIAddress) -> [PCIFunction] {
    host.pciFunction(at: address).map(host.virtualFunctions(of:)) ?? []
  }

  /// Whether this software made the virtual functions that a function has now.
  public func areOurs(of address: PCIAddress) -> Bool { records.addresses().contains(address) }

  /// Makes virtual functions: writes their number to `sriov_numvfs`. No driver of the host's takes them,
  /// because `sriov_drivers_autoprobe` is off meanwhile.
  ///
  /// - Parameters:
  ///   - count: how many.
  ///   - address: the physical function's.
  /// - Returns: the virtual functions, by address; they have no driver.
  /// - Throws: `VirtualFunctionError`; nothing is left then.
  public func make(
    _ count: Int, of address: PCIAddress
  ) throws(VirtualFunctionError) -> [PCIFunction] {
    guard let physical = host.pciFunction(at: address) else { throw .noSuchFunction(address) }
    if let owner = physical.physicalFunction { throw .isVirtual(address, of: owner) }
    guard let most = most(of: address) else { throw .noSRIOV(address) }
    guard physical.driver != nil, !physical.isForGuests else {
      throw .noHostDriver(address, driver: physical.driver)
    }
    let existing = all(of: address)
    guard existing.isEmpty else {
      throw .madeAlready(
        address, made: existing.count, free: existing.count { host.isFree($0) })
    }
    guard (1...most).contains(count) else { throw .tooMany(address, wanted: count, most: most) }
    let made = try withoutHostDrivers(address) { () throws(VirtualFunctionError) in
      try writeNumber(count, of: address)
      _ = waitUntil(timeout) { all(of: address).count >= count }
      let made = all(of: address)
      guard made.count == count else {
        try undo(address, because: .fewer(address, wanted: count, made: made.count))
      }
      return made
    }
    do {
      try records.keep("\(count)\n", of: address)
    } catch {
      try undo(address, because: .binding(error))
    }
    return made
  }

  /// Removes all virtual functions of a function: writes 0 to `sriov_numvfs`. A virtual function that a
  /// guest or the host uses is refused, because the kernel would make the writer wait.
  ///
  /// - Parameter address: the physical function's.
  /// - Throws: `VirtualFunctionError`.
  public func removeAll(of address: PCIAddress) throws(VirtualFunctionError) {
    guard let physical = host.pciFunction(at: address) else { throw .noSuchFunction(address) }
    if let owner = physical.physicalFunction { throw .isVirtual(address, of: owner) }
    guard most(of: address) != nil else { throw .noSRIOV(address) }
    let bindings = PCIBindings(host: host, timeout: timeout)
    let all = all(of: address)
    for function in all {
      do {
        try bindings.checkUnheld(function)
      } catch {
        throw .binding(error)
      }
      if let use = host.uses(of: function).first {
        throw .binding(.inUse(function.address, use))
      }
    }
    try writeNumber(0, of: address)
    _ = waitUntil(timeout) { self.all(of: address).isEmpty }
    let left = self.all(of: address)
    guard left.isEmpty else { throw .fewer(address, wanted: 0, made: left.count) }
    for function in all { bindings.store.forget(function.address) }
    records.forget(address)
  }

  /// Removes what was just made, and throws why.
  func undo(_ address: PCIAddress, because error: VirtualFunctionError) throws(VirtualFunctionError)
    -> Never
  {
    do {
      try writeNumber(0, of: address)
      records.forget(address)
    } catch let failure {
      throw .notPutBack(address, cause: error.description, remains: failure.description)
    }
    throw error
  }

  /// Runs `body` while the kernel gives new virtual functions to no driver, and puts the switch back.
  private func withoutHostDrivers<Value>(
    _ address: PCIAddress, _ body: () throws(VirtualFunctionError) -> Value
  ) throws(VirtualFunctionError) -> Value {
    let file = "\(Self.path(address))/sriov_drivers_autoprobe"
    // Linux before 4.13 has no such switch, and a driver of the host's takes them.
    guard host.sysfs.number(file) == 1 else { return try body() }
    try write("0", to: file)
    let value: Value
    do {
      value = try body()
    } catch {
      do {
        try write("1", to: file)
      } catch let failure {
        throw .notPutBack(address, cause: error.description, remains: failure.description)
      }
      throw error
    }
    do {
      try write("1", to: file)
    } catch {
      try undo(address, because: error)
    }
    return value
  }

  private func writeNumber(_ number: Int, of address: PCIAddress) throws(VirtualFunctionError) {
    try write("\(number)", to: "\(Self.path(address))/sriov_numvfs")
  }

  private func write(_ text: String, to path: String) throws(VirtualFunctionError) {
    do {
      try host.sysfs.write(text, toAttribute: path, whenGone: "the device is gone; list again")
    } catch {
      throw .system(error.advising(Self.remedy(error.errno)))
    }
  }

  private static func path(_ address: PCIAddress) -> String { "/sys/bus/pci/devices/\(address)" }

  /// From the kernel's `sriov_numvfs_store` and the drivers' `sriov_configure`.
  private static func remedy(_ errno: Errno) -> String? {
    switch errno {
    case .permissionDenied: "changing virtual functions needs root"
    case .readOnlyFileSystem:
      "sysfs is read-only here; do it on the host, outside of the container"
    case .noSuchFileOrDirectory:
      """
      the physical function's driver makes no virtual functions; i915 and xe need a kernel and \
      parameters for it (vgpu doctor --for sriov)
      """
    case .resourceBusy: "somebody else has made virtual functions meanwhile; list again"
    case .notPermitted: "the driver refuses it now; the kernel log (dmesg) tells why"
    case .noMemory, .noSpace:
      """
      the machine has no room for their memory; switch Above 4G Decoding, SR-IOV and ARI on in the \
      firmware, or boot with pci=realloc
      """
    default: "the kernel log (dmesg) tells why"
    }
  }
}

extension HostHardware {
  /// Whether a virtual function can be handed to a guest: no guest has it, and the host does not use it.
  func isFree(_ function: PCIFunction) -> Bool {
    !function.isForGuests && uses(of: function).isEmpty
  }
}
