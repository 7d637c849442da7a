// SPDX-License-Identifier: Apache-2.0

import HostDevices
import QEMU

extension GuestPlan {
  /// The address of the GPU that the guest gets whole; `nil` when the profile has no such GPU.
  var address: PCIAddress? {
    switch graphics {
    case .virtio, .gvtG: nil
    case .igd: gpu?.address ?? PCIAddress(bus: 0, device: 2, function: 0)
    case .gpu: gpu?.address
    }
  }

  /// Adds the named devices of the host.
  ///
  /// - Parameter isHere: `false` for a guest that is only described: a device that this host lacks
  ///   is taken as it was named, and reported.
  func addDevices(
    to configuration: inout GuestConfiguration, _ host: HostHardware, _ isHere: Bool,
    _ onNotice: (GuestNotice) -> Void
  ) throws(GuestError) {
    if graphics == .igd, let gpu = address.flatMap(host.pciFunction), gpu.isVirtual {
      throw .unsuitable(
        "\(gpu.address)",
        reason: "it is a virtual function (SR-IOV); use the profile gpu instead of igd")
    }
    configuration.passedSlots = slots(on: host, isHere, onNotice).map { slot in
      var slot = slot
      slot.mustKeepDriver =
        slot.functions.compactMap(host.pciFunction).contains(where: \.mustKeepDriver)
      return slot
    }
    guard configuration.passedSlots.count <= GuestConfiguration.mostPassedSlots else {
      throw .unsuitable(
        "\(configuration.passedSlots.count) PCI devices",
        reason: "give \(GuestConfiguration.mostPassedSlots) at most, the GPU among them")
    }
    configuration.usbDevices = usb
    for (index, node) in scsi.enumerated() {
      do {
        configuration.scsiDevices.append(try host.scsiDevice(node))
      } catch {
        guard !isHere else { throw .scsi(error) }
        // Any device that differs from the others.
        let supposed = SCSIDevice(
          genericNode: "/dev/sg\(index)", host: index, channel: 0, target: 0, unit: 0)
        onNotice(
          .supposed(
            "the description uses \(supposed.genericNode) instead", reason: "\(error)"))
        configuration.scsiDevices.append(supposed)
      }
    }
    guard isHere else { return }
    do {
      for slot in configuration.passedSlots { try slot.check(on: host) }
      for device in usb { try device.check(on: host) }
      for device in configuration.scsiDevices { try device.check(on: host) }
    } catch {
      throw .qemu(error)
    }
  }

  /// One slot for each of the host's devices, the GPU first.
  private func slots(
    on host: HostHardware, _ isHere: Bool, _ onNotice: (GuestNotice) -> Void
  ) -> [PassedSlot] {
    func found(_ address: PCIAddress) -> [PCIFunction] {
      let functions = host.functions(ofDeviceAt: address)
      if functions.isEmpty, !isHere {
        onNotice(
          .supposed("\(address)", reason: "not on this host; the description uses it unchanged"))
      }
      return functions
    }
    var slots: [PassedSlot] = []
    if let address { slots.append(graphicsSlot(address, of: found(address))) }
    for selector in pci {
      let address = selector.address
      let all = found(address)
      let functions =
        selector.isWholeDevice && !all.isEmpty ? all.map(\.address) : [address]
      // A virtual function is a device of its own.
      let isVirtual = all.contains(where: \.isVirtual)
      let index = slots.firstIndex { slot in
        slot.functions.contains { other in
          other == address
            || other.isOnSameDevice(as: address) && !isVirtual
              && host.pciFunction(at: other)?.isVirtual != true
        }
      }
      if let index {
        slots[index].add(functions)
      } else {
        slots.append(PassedSlot(role: .device, functions: functions))
      }
    }
    return slots
  }

  /// The slot of the GPU.
  ///
  /// - Parameter device: the functions of the GPU's device that the host has.
  private func graphicsSlot(_ address: PCIAddress, of device: [PCIFunction]) -> PassedSlot {
    // Intel's integrated graphics have no further functions.
    if graphics == .igd {
      return PassedSlot(role: .integratedGraphics, functions: [address], rom: rom)
    }
    let functions = PassedSlot.graphicsCard(
      at: address, isWholeCard: gpu?.isWholeDevice ?? false, of: device)
    return PassedSlot(
      role: .graphicsCard(hasVGA: hasVGA ?? PassedSlot.hasVGA(functions)),
      functions: functions.isEmpty ? [address] : functions.map(\.address), rom: rom)
  }
}
