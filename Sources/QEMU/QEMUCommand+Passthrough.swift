// SPDX-License-Identifier: Apache-2.0

import HostDevices

extension GuestConfiguration {
  /// Intel's graphics in QEMU's legacy mode, as the guest's first screen.
  var hasLegacyGraphics: Bool {
    machine == .pc && passedSlots.contains { $0.role == .integratedGraphics }
  }

  /// The host's PCI devices.
  var passedSlotOptions: [String] {
    placedSlots.enumerated().flatMap { index, placed in
      let (slot, place) = placed
      var arguments: [String] = []
      let location: (bus: String, device: Int)
      switch place {
      case .firstBus(let device): location = (machine == .q35 ? "pcie.0" : "pci.0", device)
      case .port(let number):
        arguments += ["-device", "pcie-root-port,id=port\(number),chassis=\(number)"]
        location = ("port\(number)", 0)
      }
      for (number, address) in slot.guestFunctions {
        let isFirst = number == 0
        var option = ["vfio-pci", "id=pci\(index).\(number)", "host=\(address)"]
        option.append("bus=\(location.bus)")
        option.append("addr=\(Self.hexadecimal(location.device)).\(number)")
        if isFirst, slot.functions.count > 1 { option.append("multifunction=on") }
        if isFirst { option += Self.properties(of: slot.role) }
        if isFirst, let rom = slot.rom { option.append("romfile=\(Self.escaped(rom))") }
        arguments += ["-device", option.joined(separator: ",")]
      }
      return arguments
    }
  }

  private static func properties(of role: PassedSlot.Role) -> [String] {
    switch role {
    // Drivers look for the OpRegion, which tells of the outputs.
    case .integratedGraphics: ["x-igd-opregion=on"]
    case .graphicsCard(hasVGA: true): ["x-vga=on"]
    case .graphicsCard(hasVGA: false), .device: []
    }
  }

  /// Single USB devices, on the controller that every guest has.
  var usbOptions: [String] {
    usbDevices.flatMap { device in
      switch device {
      case .id(let vendor, let product):
        [
          "-device",
          "usb-host,vendorid=0x\(USBSelector.hexadecimal(vendor)),"
            + "productid=0x\(USBSelector.hexadecimal(product))",
        ]
      case .address(let bus, let address):
        ["-device", "usb-host,hostbus=\(bus),hostaddr=\(address)"]
      }
    }
  }

  /// SCSI devices, on virtio's controller, or on one of LSI's for which Windows has a driver.
  var scsiOptions: [String] {
    guard !scsiDevices.isEmpty else { return [] }
    var arguments = [
      "-device", hasVirtio ? "virtio-scsi-pci,id=scsi0" : "mptsas1068,id=scsi0",
    ]
    for (index, device) in scsiDevices.enumerated() {
      arguments += [
        "-drive", "if=none,id=scsi0.\(index),format=raw,file=\(Self.escaped(device.genericNode))",
        "-device", "scsi-generic,bus=scsi0.0,scsi-id=\(index),drive=scsi0.\(index)",
      ]
    }
    return arguments
  }

  /// Two digits.
  static func hexadecimal(_ number: Int) -> String {
    (number < 16 ? "0" : "") + String(number, radix: 16)
  }
}
