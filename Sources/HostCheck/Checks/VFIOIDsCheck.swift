// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks that vfio-pci takes the device when the host starts.
struct VFIOIDsCheck: Check {
  let id = "vfio-ids"
  let title = "vfio-pci ids"
  let area = CheckArea.device
  let purposes: Set<Purpose> = [.igd, .gpu]
  let why = "A GPU that a driver of the host's has used may not work in a guest."
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
    if target.mustKeepDriver {
      return .ok("not needed: \(target.driver ?? "-") gives it to guests")
    }
    let wanted = Self.id(target)
    let byName = "vgpu pci bind --persist \(target.address) vfio-pci"
    guard ids.contains(wanted) else {
      let rest = told.isEmpty ? "none" : "\(told)"
      let advised = machine.companions.map(Self.id)
      let twins = twins(of: target, with: Set(advised), machine)
      guard twins.isEmpty else {
        return .warn(
          "\(rest); \(wanted) would take \(twins.list()) too",
          remedy: "name the device by its address: \(byName) (driverctl sets its driver_override)")
      }
      return .warn(
        "\(rest); \(wanted) is missing",
        remedy: "\(byName), or in modprobe.d: "
          + "options vfio-pci ids=\(advised.joined(separator: ","))")
    }
    let twins = twins(of: target, with: ids, machine)
    guard twins.isEmpty else {
      return .warn(
        "\(told) takes \(twins.list()) from the host too",
        remedy: "remove the ids, and name the device: \(byName)")
    }
    return .ok(told)
  }

  /// The functions that the ids take beside the target and the rest of its card, such as a second
  /// card of the same model. A virtual function has the ids of its physical function, so the ids
  /// also take the physical function and all its other virtual functions.
  private func twins(
    of target: PCIFunction, with ids: Set<String>, _ machine: Machine
  ) -> [String] {
    machine.functions.filter { function in
      ids.contains(Self.id(function)) && function.address != target.address
        && !function.isPart(ofCard: target)
    }
    .map { "\($0.address)" }
  }

  private static func id(_ function: PCIFunction) -> String {
    "\(function.vendor.description.dropFirst(2)):\(function.device.description.dropFirst(2))"
  }
}
