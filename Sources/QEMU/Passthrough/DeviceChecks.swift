// SPDX-License-Identifier: Apache-2.0

import CLinux
public import HostDevices
import LinuxSystem
import SystemPackage

extension PassedSlot {
  /// Whether a guest can be given its functions: each is bound to a VFIO driver, and so is whatever
  /// else is in their IOMMU groups, or it has no driver.
  ///
  /// - Parameters:
  ///   - host: the machine.
  ///   - nodes: where `dev` is.
  /// - Throws: `QEMUError.host`.
  public func check(on host: HostHardware, nodes: String = "") throws(QEMUError) {
    var unbound: [PCIFunction] = []
    var numbers: Set<Int> = []
    var physical: Set<PCIAddress> = []
    for address in functions {
      guard let function = host.pciFunction(at: address) else {
        throw .host("\(address)", reason: "no such PCI function; `vgpu pci list` lists them")
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
          \(other.address) is in it too, whose virtual functions the guest is to have and which must \
          keep its driver; switch ACS and ARI on in the firmware, or move the card to another slot
          """)
    }
    guard unbound.isEmpty else { throw Self.notBound(unbound, with: others.flatMap(\.self)) }
    for (group, others) in zip(groups, others) {
      guard others.isEmpty else { throw Self.shared(group, others) }
      let node = "/dev/vfio/\(group.number)"
      guard access(nodes + node, R_OK | W_OK) == 0 else {
        throw .host(
          node,
          reason: "may not be opened; run as root, or let a udev rule give your user the group")
      }
    }
  }

  /// - Parameter others: what must be bound with them, because it is in their groups.
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
        \(names.joined(separator: ", ")) is in it too, and the host uses it; bind that as well \
        (`vgpu pci bind \(addresses.joined(separator: " ")) vfio-pci`), or move the card to another \
        slot
        """)
  }
}

extension PCIFunction {
  /// The kernel lets a group be used with it inside: without a driver, with a bridge's or with
  /// pci-stub.
  fileprivate var maySharePassedGroup: Bool {
    driver == nil || isForGuests || driver == "pcieport" || driver == "pci-stub"
  }
}

extension USBSelector {
  /// Whether this user can hand it to a guest. One that is named by its numbers may be plugged in
  /// later.
  ///
  /// - Throws: `QEMUError.host`.
  public func check(on host: HostHardware) throws(QEMUError) {
    guard let device = host.usbDevices().first(where: { $0.matches(self) }) else {
      if case .id = self { return }
      throw .host("USB \(self)", reason: "nothing is plugged in there; lsusb lists what is")
    }
    guard host.mayOpen(device.node) else {
      throw .host(
        "USB \(self)",
        reason:
          "\(device.node) may not be opened; run as root, or let a udev rule give it to your user")
    }
  }
}

extension SCSIDevice {
  /// Whether this user may hand it to a guest.
  ///
  /// - Throws: `QEMUError.host`.
  public func check(on host: HostHardware) throws(QEMUError) {
    guard host.mayOpen(genericNode) else {
      throw .host(
        genericNode,
        reason: "may not be opened for writing; run as root, or join its group (ls -l tells which)")
    }
  }
}
