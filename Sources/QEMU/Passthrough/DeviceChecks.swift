// SPDX-License-Identifier: Apache-2.0

import CLinux
public import HostDevices
import LinuxSystem
import SystemPackage

extension PassedSlot {
  /// Checks that a guest can get the slot's functions. Each function must be bound to a VFIO
  /// driver. Each other function in their IOMMU groups must be bound to a VFIO driver too, or have
  /// no driver.
  ///
  /// - Parameters:
  ///   - host: the machine.
  ///   - nodes: the folder that contains `dev`.
  /// - Throws: `QEMUError.missing`, `.noRights`, `.host`.
  public func check(on host: HostHardware, nodes: String = "") throws(QEMUError) {
    var unbound: [PCIFunction] = []
    var numbers: Set<Int> = []
    var physical: Set<PCIAddress> = []
    for address in functions {
      guard let function = host.pciFunction(at: address) else {
        throw .missing("\(address)", reason: "no such PCI function; `vgpu pci list` lists them")
      }
      guard let group = function.iommuGroup else {
        throw .host(
          "\(address)",
          reason: """
            is in no IOMMU group: switch VT-d or AMD-Vi on in the firmware, and start the host with \
            intel_iommu=on (AMD: amd_iommu is on by itself)
            """)
      }
      numbers.insert(group)
      if let address = function.physicalFunction { physical.insert(address) }
      if !function.isForGuests { unbound.append(function) }
    }
    let groups = ((try? host.iommuGroups()) ?? []).filter { numbers.contains($0.number) }
    let others = groups.map { group in
      group.devices.compactMap { PCIAddress($0) }.filter { !functions.contains($0) }
        .compactMap { host.pciFunction(at: $0) }.filter { !$0.maySharePassedGroup }
    }
    for (group, others) in zip(groups, others) {
      guard let other = others.first(where: { physical.contains($0.address) }) else { continue }
      throw .host(
        "IOMMU group \(group.number)",
        reason: """
          the physical function \(other.address) is in it too, and it must keep its driver for the \
          guest's virtual functions; switch ACS and ARI on in the firmware, or move the card to \
          another slot
          """)
    }
    guard unbound.isEmpty else { throw Self.notBound(unbound, with: others.flatMap(\.self)) }
    for (group, others) in zip(groups, others) {
      guard others.isEmpty else { throw Self.shared(group, others) }
      let node = "/dev/vfio/\(group.number)"
      guard access(nodes + node, R_OK | W_OK) == 0 else {
        throw .noRights(
          node,
          reason: "may not be opened; run as root, or let a udev rule give your user the group")
      }
    }
  }

  /// - Parameter others: functions that must be bound too, because they are in the same groups.
  private static func notBound(_ unbound: [PCIFunction], with others: [PCIFunction]) -> QEMUError {
    let addresses = unbound.map { "\($0.address)" }
    let drivers = unbound.map { $0.driver ?? "no driver" }
    let all = (unbound + others).map { "\($0.address)" }
    return .host(
      addresses.joined(separator: ", "),
      reason: """
        bound to \(drivers.joined(separator: ", ")), not to vfio-pci; bind with `vgpu pci bind \
        \(all.joined(separator: " ")) vfio-pci`
        """)
  }

  private static func shared(_ group: IOMMUGroup, _ others: [PCIFunction]) -> QEMUError {
    let addresses = others.map { "\($0.address)" }
    let names = others.map { "\($0.address) (\($0.driver ?? "no driver"))" }
    return .host(
      "IOMMU group \(group.number)",
      reason: """
        the host uses \(names.joined(separator: ", ")) in this group; run `vgpu pci bind \
        \(addresses.joined(separator: " ")) vfio-pci` too, or move the card to another slot
        """)
  }
}

extension PCIFunction {
  /// Whether the kernel lets a guest use a group that contains this function: it has no driver, a
  /// VFIO driver, a bridge's driver, or pci-stub.
  fileprivate var maySharePassedGroup: Bool {
    driver == nil || isForGuests || driver == "pcieport" || driver == "pci-stub"
  }
}

extension USBSelector {
  /// Checks that this user can pass the device to a guest. A device that is selected by vendor and
  /// product may be plugged in later.
  ///
  /// - Throws: `QEMUError.missing`, `.noRights`.
  public func check(on host: HostHardware) throws(QEMUError) {
    guard let device = host.usbDevices().first(where: { $0.matches(self) }) else {
      if case .id = self { return }
      throw .missing("USB \(self)", reason: "nothing is plugged in there; lsusb lists what is")
    }
    guard host.mayOpen(device.node) else {
      throw .noRights(
        "USB \(self)",
        reason:
          "\(device.node) may not be opened; run as root, or let a udev rule give it to your user")
    }
  }
}

extension SCSIDevice {
  /// Checks that this user may pass the device to a guest.
  ///
  /// - Throws: `QEMUError.noRights`.
  public func check(on host: HostHardware) throws(QEMUError) {
    guard host.mayOpen(genericNode) else {
      throw .noRights(
        genericNode,
        reason: "may not be opened for writing; run as root, or join its group (ls -l tells which)")
    }
  }
}
