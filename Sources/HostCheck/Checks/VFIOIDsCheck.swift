// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Whether vfio-pci takes the device at the host's start.
struct VFIOIDsCheck: Check {
  let id = "vfio-ids"
  let title = "vfio-pci ids"
  let area = CheckArea.device
  let purposes: Set<Purpose> = [.igd, .gpu]
  let why = "A GPU that the host's driver has had does not always come back whole."
  let documentation = "docs/host.md#driver"

  func examine(_ machine: Machine) -> Verdict {
    guard let target = machine.target else { return .notApplicable("there is no such device") }
    let told = machine.parameters.told("ids", of: "vfio-pci") ?? ""
    let ids = Set(
      told.split(separator: ",").map { id in
        id.split(separator: ":").prefix(2).joined(separator: ":").lowercased()
      })
    let kept = machine.companions.filter {
      machine.files.exists("/etc/driverctl.d/pci-\($0.address)")
    }
    if kept.contains(where: { $0.address == target.address }) { return .ok("kept by driverctl") }
    let wanted = Self.id(target)
    guard ids.contains(wanted) else {
      let rest = told.isEmpty ? "none" : "\(told)"
      return .warn(
        "\(rest): \(wanted) is not among them",
        remedy: "vgpu pci bind --persist \(target.address) vfio-pci, or in modprobe.d: "
          + "options vfio-pci ids=\(machine.companions.map(Self.id).joined(separator: ","))")
    }
    let twins = machine.functions.filter {
      ids.contains(Self.id($0)) && !$0.address.isOnSameDevice(as: target.address)
    }
    guard twins.isEmpty else {
      return .warn(
        "\(told) takes \(twins.map { "\($0.address)" }.list()) from the host too",
        remedy: "take the ids out, and name the device: vgpu pci bind --persist \(target.address) "
          + "vfio-pci")
    }
    return .ok(told)
  }

  private static func id(_ function: PCIFunction) -> String {
    "\(function.vendor.description.dropFirst(2)):\(function.device.description.dropFirst(2))"
  }
}
