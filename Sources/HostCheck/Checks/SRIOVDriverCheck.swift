// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks that the GPU has a driver that makes virtual functions: xe, i915 with patches, or another
/// vendor's.
struct SRIOVDriverCheck: Check {
  let id = "sriov-driver"
  let title = "Driver of the GPU"
  let area = CheckArea.kernel
  let purposes: Set<Purpose> = [.sriov]
  let why = "The GPU's own driver makes virtual functions and shares the GPU out among them."
  let documentation = "docs/host.md#sr-iov"

  func examine(_ machine: Machine) -> Verdict {
    guard let target = machine.target else { return .notApplicable("there is no such GPU") }
    guard let driver = target.driver else {
      return .fail(
        "\(target.address) has no driver", remedy: "load the GPU's driver (Intel: modprobe xe)")
    }
    if target.isForGuests {
      return .fail(
        "\(target.address): \(driver), which gives the whole GPU to a guest",
        remedy: "give it back to the host: vgpu pci restore \(target.address)")
    }
    if !machine.virtualFunctions.isEmpty { return .ok("\(driver), and it has made some") }
    if case .some(let limit) = machine.parameters.value("max_vfs", of: driver).text, limit == "0" {
      let place = machine.parameters.setting("max_vfs", of: driver)?.place
      return .fail(
        "\(driver) with max_vfs=0\(place.map { " from \($0)" } ?? "")",
        remedy: "boot with \(driver).max_vfs=7")
    }
    guard driver == "i915" else { return .ok(driver) }
    // The kernel's own i915 makes none; the patched one has this parameter.
    guard machine.parameters.value("max_vfs", of: driver) != .missing else {
      return .fail(
        "i915, which makes no virtual functions in the kernel's own version",
        remedy: "take xe where it supports this GPU (i915.force_probe=!ID xe.force_probe=ID), or "
          + "i915 with the SR-IOV patches (i915-sriov-dkms)")
    }
    let mask = machine.parameters.value("enable_guc", of: driver).text.flatMap { Int($0) }
    guard mask.map({ $0 & 1 != 0 }) ?? false else {
      return .fail(
        "i915 with SR-IOV, but enable_guc is \(mask.map { "\($0)" } ?? "not set")",
        remedy: "boot with i915.enable_guc=3 i915.max_vfs=7")
    }
    return .ok("i915 with SR-IOV, enable_guc=\(mask ?? 0)")
  }
}
