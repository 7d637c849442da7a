// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
public import HostDevices
import QEMU

/// What a user can say of the host's devices that a guest gets beside its graphics.
struct PassthroughOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Another PCI function, such as a USB controller's, or with 05:00 all of a device; repeatable.",
      valueName: "address"))
  var pci: [PCISelector] = []

  @Option(
    help: ArgumentHelp(
      "A USB device, by vendor:product (046d:c52b) or bus.device (1.4); repeatable.",
      valueName: "device"))
  var usb: [USBSelector] = []

  @Option(
    help: ArgumentHelp(
      "A SCSI or SATA device with all its commands, such as /dev/sr0; repeatable.",
      valueName: "node"))
  var scsi: [String] = []

  func validate() throws {
    guard scsi.count <= 8 else { throw ValidationError("--scsi: at most 8 devices") }
  }

  /// Adds to a guest what was named.
  ///
  /// - Parameter isHere: false for a guest that is only described: what this host lacks is taken as
  ///   it was named, and said.
  func add(
    to configuration: inout GuestConfiguration, _ graphics: GraphicsOptions, isHere: Bool
  ) throws {
    let host = HostHardware()
    if graphics.profile == .igd, let gpu = graphics.address.flatMap(host.pciFunction), gpu.isVirtual
    {
      throw ValidationError(
        "--gpu \(gpu.address): a virtual function (SR-IOV), which goes with --profile gpu")
    }
    configuration.passedSlots = slots(graphics, on: host, isHere: isHere).map { slot in
      var slot = slot
      slot.mustKeepDriver =
        slot.functions.compactMap(host.pciFunction).contains(where: \.mustKeepDriver)
      return slot
    }
    guard configuration.passedSlots.count <= GuestConfiguration.mostPassedSlots else {
      throw ValidationError(
        "--pci: at most \(GuestConfiguration.mostPassedSlots) devices with the GPU")
    }
    configuration.usbDevices = usb
    configuration.scsiDevices = try scsi.enumerated().map { index, node in
      if isHere { return try host.scsiDevice(node) }
      // Any that differs from the others.
      let supposed = SCSIDevice(
        genericNode: "/dev/sg\(index)", host: index, channel: 0, target: 0, unit: 0)
      return Note.orNil("--scsi", "taken for \(supposed.genericNode)") {
        try host.scsiDevice(node)
      } ?? supposed
    }
    guard isHere else { return }
    for slot in configuration.passedSlots { try slot.check(on: host) }
    for device in usb { try device.check(on: host) }
    for device in configuration.scsiDevices { try device.check(on: host) }
  }

  /// One slot for each of the host's devices, the GPU first.
  private func slots(
    _ graphics: GraphicsOptions, on host: HostHardware, isHere: Bool
  ) -> [PassedSlot] {
    func found(_ address: PCIAddress) -> [PCIFunction] {
      let functions = host.functions(ofDeviceAt: address)
      if functions.isEmpty, !isHere {
        Note.say("\(address): not on this host; taken as it was named")
      }
      return functions
    }
    var slots = [graphics.address.flatMap { graphics.slot(of: found($0)) }].compactMap { $0 }
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
}

extension USBSelector: ExpressibleByArgument {}
