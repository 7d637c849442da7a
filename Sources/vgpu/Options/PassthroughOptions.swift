// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import GuestSession
public import HostDevices

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
    guard scsi.count <= GuestPlan.mostSCSIDevices else {
      throw ValidationError("--scsi: give \(GuestPlan.mostSCSIDevices) devices at most")
    }
  }

  func add(to plan: inout GuestPlan) {
    plan.pci = pci
    plan.usb = usb
    plan.scsi = scsi
  }
}

extension USBSelector: ExpressibleByArgument {}
