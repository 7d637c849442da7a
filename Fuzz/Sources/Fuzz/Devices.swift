// SPDX-License-Identifier: Apache-2.0

@testable import HostDevices

extension Target {
  /// What the kernel announces of devices.
  static let uevent = Target(name: "uevent") { bytes in
    switch VGPUEvent(uevent: bytes) {
    case .added(let uuid), .removed(let uuid): precondition(MdevUUID("\(uuid)") == uuid)
    case nil: break
    default: preconditionFailure("a message tells no loss")
    }
  }

  /// A `pci.ids`, asked for two functions' names.
  static let pciNames = Target(name: "pci-ids") { bytes in
    let functions = [("0x8086", "0x1912", "0x030000"), ("0x10de", "0x25b6", "0x030200")].compactMap(
      function)
    let names = PCINames(of: functions, in: bytes)
    for function in functions {
      for name in [
        names.vendor(of: function), names.device(of: function), names.className(of: function),
      ] {
        precondition((name?.utf8.count ?? 0) <= 256)
      }
    }
  }

  private static func function(
    _ vendor: String, _ device: String, _ code: String
  ) -> PCIFunction? {
    guard let address = PCIAddress("00:02.0"), let vendor = PCIID(vendor),
      let device = PCIID(device), let code = PCIClass(code)
    else { return nil }
    return PCIFunction(
      address: address, vendor: vendor, device: device, subsystemVendor: nil, subsystemDevice: nil,
      classCode: code, driver: nil, physicalFunction: nil, vfioDevice: nil, iommuGroup: nil,
      isBootVGA: false, cardNode: nil,
      renderNode: nil)
  }
}
