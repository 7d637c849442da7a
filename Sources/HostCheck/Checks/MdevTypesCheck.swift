// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks that the GPU offers vGPUs (`mdev_supported_types`).
struct MdevTypesCheck: Check {
  let id = "mdev-types"
  let title = "Types of vGPU"
  let area = CheckArea.vGPUs
  let purposes: Set<Purpose> = [.gvtG]
  let why = "Every vGPU is made of a type."
  let documentation = "https://docs.kernel.org/driver-api/vfio-mediated-device.html"

  func examine(_ machine: Machine) -> Verdict {
    let types = machine.types
    guard !types.isEmpty else {
      let others = machine.otherTypes.map { "\($0.id) (\($0.deviceAPI ?? "-"))" }
      guard others.isEmpty else {
        return .fail(
          "none has a screen: \(others.list())", remedy: "take a GPU whose driver offers vGPUs")
      }
      return .fail(
        machine.parents.isEmpty
          ? "no device in /sys/class/mdev_bus"
          : "none of \(machine.parents.map(\.name).list()) has a type",
        remedy: "fix what fails under Kernel; journalctl -k -g gvt tells i915's reason")
    }
    return .ok("\(types.count): \(Set(types.map(\.id)).sorted().list())")
  }
}
