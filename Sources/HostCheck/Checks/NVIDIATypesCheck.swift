// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks which types of vGPU NVIDIA's driver makes now.
struct NVIDIATypesCheck: Check {
  let id = "nvidia-types"
  let title = "Types of vGPU"
  let area = CheckArea.vGPUs
  let purposes: Set<Purpose> = [.nvidia]
  let why = "The driver lists only types for which the GPU has room."
  let documentation = "docs/host.md#nvidia"

  func examine(_ machine: Machine) -> Verdict {
    guard let target = machine.target else { return .notApplicable("there is no such GPU") }
    let parent = "\(target.address)"
    let types = ((try? machine.host.offeredTypes()) ?? []).filter {
      $0.type.parent == parent && $0.kind != .sriov
    }
    let made =
      machine.virtualFunctions.count {
        if case .type? = machine.host.nvidiaType(of: $0) { true } else { false }
      } + ((try? machine.host.devices()) ?? []).count { $0.parent == parent }
    let left = types.filter { $0.type.availableInstances ?? 1 > 0 }
    guard left.isEmpty else {
      let names = left.map { "\($0.type.id) (\($0.type.name ?? "-"))" }
      return .ok("\(left.count): \(names.list(limit: 3)); \(made) made")
    }
    if made > 0 {
      return .warn(
        "none left; \(made) made",
        remedy: "remove a vGPU that nobody needs (vgpu remove), or take smaller ones")
    }
    guard !types.isEmpty || !machine.virtualFunctions.isEmpty else {
      return .notApplicable("no virtual function, no mediated device")
    }
    return .fail(
      "none",
      remedy: "see nvidia-smi vgpu -s, and nvidia-vgpu-mgr's log (journalctl -u nvidia-vgpu-mgr)"
    )
  }
}
