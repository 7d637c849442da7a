// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
import GuestSession
public import HostDevices

/// The options of the host's devices that a guest gets beside its graphics.
struct PassthroughOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Add a PCI function (05:00.0), such as a USB controller, or a whole device (05:00). Repeat for more.",
      valueName: "address"))
  var pci: [PCISelector] = []

  @Option(
    help: ArgumentHelp(
      "Add a USB device: vendor:product (046d:c52b) or bus.device (1.4). Repeat for more.",
      valueName: "device"))
  var usb: [USBSelector] = []

  @Option(
    help: ArgumentHelp(
      "Add a whole SCSI or SATA device with all its commands, such as /dev/sr0. Repeat for more.",
      valueName: "node"),
    completion: .scsiDevices)
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

extension USBSelector: ExpressibleByArgument {
  public static var defaultCompletionKind: CompletionKind { .usbDevices }
}
