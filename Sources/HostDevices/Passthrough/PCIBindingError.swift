// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
public import LinuxSystem

/// Why a PCI function's driver was not changed. Each case's description is one line that names the
/// object, the cause and the remedy. Earlier changes are undone, unless the description says
/// otherwise.
@nonexhaustive
public enum PCIBindingError: Error, Hashable, Sendable {
  /// The kernel refused a system call.
  case system(SystemCallError)
  /// The host could not be read.
  case host(HostDevicesError)
  /// No function was named.
  case nothingNamed
  /// No function has this address.
  case noSuchFunction(PCIAddress)
  /// It is a bridge: a guest does not need it, but the bus below it does.
  case bridge(PCIAddress)
  /// It has no IOMMU group, so no guest can have it.
  case noIOMMU(PCIAddress)
  /// No driver of this name is loaded.
  case noDriver(String)
  /// The text cannot be a driver's name.
  case invalidDriver(String)
  /// The host uses it.
  case inUse(PCIAddress, PCIUse)
  /// A guest, or another user of VFIO, has its group open: these processes, or, when the list is
  /// empty, processes whose descriptors `/proc` does not show.
  case guestHolds(PCIAddress, group: Int, processes: [Int32])
  /// Other functions of its IOMMU group would keep a driver of the host, and then the kernel gives
  /// the group to nobody.
  case sharedGroup(PCIAddress, group: Int, others: [PCIFunction])
  /// It is a virtual function (SR-IOV) in one group with its physical function. The driver of the
  /// physical function made it and must stay.
  case sharesWithPhysical(PCIAddress, group: Int, physical: PCIAddress)
  /// The requested driver did not take the function: it has this driver.
  case notTaken(PCIAddress, driver: String?, instead: String?)
  /// A failed change could not be undone.
  case notPutBack(PCIAddress, cause: String, remains: String)
  /// The record of a function cannot be trusted.
  case record(String, reason: String)
  /// No record of this function exists.
  case notRemembered(PCIAddress, remembered: [PCIAddress])
  /// Another device has the address of the recorded one.
  case exchanged(PCIAddress, record: String)
}

extension PCIBindingError: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .system(let error): error.errorClass
    case .host(let error): error.errorClass
    case .nothingNamed, .invalidDriver: .argument
    case .noSuchFunction, .noDriver, .notRemembered: .notFound
    case .inUse, .guestHolds: .busy
    case .bridge, .noIOMMU, .sharedGroup, .sharesWithPhysical, .notTaken: .unsupported
    case .notPutBack, .record, .exchanged: .other
    }
  }
}

extension PCIBindingError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .system(let error): error.description
    case .host(let error): error.description
    case .nothingNamed:
      "no PCI function is named; `vgpu pci list` tells their addresses"
    case .noSuchFunction(let address):
      "\(address): no such PCI function; `vgpu pci list` tells which there are"
    case .bridge(let address):
      "\(address): a PCI bridge, which stays with the host; name the devices behind it"
    case .noIOMMU(let address):
      """
      \(address): in no IOMMU group; switch VT-d or AMD-Vi on in the firmware, boot with \
      intel_iommu=on (Intel), and see `vgpu doctor --for gpu`
      """
    case .noDriver(let name):
      "\(name): no such PCI driver is loaded; run modprobe \(name)"
    case .invalidDriver(let name):
      "\(name.debugDescription): not a driver's name; give one such as vfio-pci"
    case .inUse(let address, let use):
      "\(address): \(use), or give --force"
    case .guestHolds(let address, let group, let processes):
      "\(address): /dev/vfio/\(group) is in use\(Self.holders(processes))"
    case .sharedGroup(let address, let group, let others):
      """
      \(address): shares IOMMU group \(group) with \(Self.list(others)), so that no guest can have \
      it; name \(others.count == 1 ? "that one" : "those") too, or put the card into another slot
      """
    case .sharesWithPhysical(let address, let group, let physical):
      """
      \(address): shares IOMMU group \(group) with \(physical), whose virtual function it is and which \
      must keep its driver, so that no guest can have it; switch ACS and ARI on in the firmware, or \
      put the card into another slot
      """
    case .notTaken(let address, let driver?, let instead):
      """
      \(address): driver \(driver) did not take it\(instead.map { ", \($0) has it" } ?? ""); the \
      kernel log (dmesg) tells why
      """
    case .notTaken(let address, nil, let instead):
      "\(address): \(instead ?? "its driver") did not let go of it; see the kernel log (dmesg)"
    case .notPutBack(let address, let cause, let remains):
      "\(cause); putting \(address) back failed too: \(remains)"
    case .record(let path, let reason):
      "\(path): not believed, as \(reason); remove it, and bind the function's driver by hand"
    case .notRemembered(let address, let remembered) where remembered.isEmpty:
      "\(address): nothing to restore; vgpu has not changed any function since the host's start"
    case .notRemembered(let address, let remembered):
      """
      \(address): nothing to restore; vgpu changed only \
      \(remembered.prefix(8).map(\.description).joined(separator: ", "))
      """
    case .exchanged(let address, let record):
      "\(address): another device than the one that was remembered; remove \(record)"
    }
  }

  private static func list(_ others: [PCIFunction]) -> String {
    let shown = others.prefix(4).map { "\($0.address) (driver \($0.driver ?? "none"))" }
      .joined(separator: ", ")
    return others.count > 4 ? "\(shown) and \(others.count - 4) more" : shown
  }

  private static func holders(_ processes: [Int32]) -> String {
    guard !processes.isEmpty else {
      return " by a process that does not show it (a container's); stop that guest first"
    }
    let pids = processes.prefix(8).map(String.init).joined(separator: ", ")
    return " by process \(pids); stop that guest first"
  }
}
