// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks that another vGPU can be made.
struct InstancesCheck: Check {
  let id = "instances"
  let title = "vGPUs left"
  let area = CheckArea.vGPUs
  let purposes: Set<Purpose> = [.gvtG]
  let why = "All vGPUs share the GPU's aperture and memory; a big one takes the place of several."
  let documentation = "docs/host.md#vgpus"

  func examine(_ machine: Machine) -> Verdict {
    let types = machine.types
    let devices = (try? machine.host.devices()) ?? []
    guard !types.isEmpty else { return .notApplicable("there are no types") }
    let left = types.filter { ($0.availableInstances ?? 1) > 0 }
    let made = devices.isEmpty ? "none made" : "\(devices.count) made"
    guard left.isEmpty else {
      let counts = left.map { "\($0.availableInstances.map(String.init) ?? "some") of \($0.id)" }
      return .ok("\(counts.list()); \(made)")
    }
    let remedy =
      "remove a vGPU that nobody needs (vgpu remove), or raise the aperture in the firmware"
    return devices.isEmpty
      ? .fail("no type has an instance left", remedy: remedy)
      : .warn("none left; \(made)", remedy: remedy)
  }
}
