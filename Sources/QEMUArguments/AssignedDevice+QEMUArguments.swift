// SPDX-License-Identifier: Apache-2.0

package import HostDevices

extension AssignedDevice {
  /// Reads the value of one of QEMU's `-device` options. A `vfio-pci` names its device by `host=`,
  /// or by `sysfsdev=` with any of the device's paths in sysfs. `nil` for every other device.
  package init?(qemuDevice options: QEMUOptions) {
    guard options["driver"]?.hasPrefix("vfio-pci") == true else { return nil }
    // As in QEMU, the path counts when both are given, and its last part is the device's name.
    if let path = options["sysfsdev"] {
      self.init(busName: String(path.split(separator: "/").last ?? ""))
    } else if let address = options["host"].flatMap({ PCIAddress($0, isPadded: false) }) {
      self = .pci(address)
    } else {
      return nil
    }
  }

  /// The devices that QEMU's arguments name, in their order.
  package static func named(inQEMUArguments arguments: [String]) -> [AssignedDevice] {
    zip(arguments, arguments.dropFirst()).compactMap { option, value in
      guard option == "-device" || option == "--device" else { return nil }
      return AssignedDevice(qemuDevice: QEMUOptions(value, first: "driver"))
    }
  }
}
