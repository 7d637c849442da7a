// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks that the host has a GPU of the kind that the purpose needs.
struct GraphicsCheck: Check {
  let id = "gpu"
  let title = "Graphics"
  let area = CheckArea.hardware
  let purposes: Set<Purpose> = [.gvtG, .igd, .gpu]
  let why = "i915 splits the GPUs of Broadwell to Comet Lake; other purposes need a whole GPU."
  let documentation = "docs/host.md#hardware"

  func examine(_ machine: Machine) -> Verdict {
    guard let target = machine.target else {
      let displays = machine.displays.map(\.label)
      let others = displays.isEmpty ? "no display controller at all" : "only \(displays.list())"
      return switch machine.purpose {
      case .virtio, .gvtG, .igd:
        .fail("no integrated Intel GPU, \(others)", remedy: "switch that GPU on in the firmware")
      case .gpu, .sriov, .nvidia:
        .fail(
          "no graphics card, \(others)",
          remedy: "put one in, name another device with --device, or see vgpu doctor --for igd")
      }
    }
    let found =
      machine.host.names(of: [target]).device(of: target).map { "\(target.label) \($0)" }
      ?? target.label
    if machine.purpose == .gpu { return .ok(found) }
    if machine.otherParent != nil {
      return .ok("\(found): \(target.driver ?? "its driver") offers vGPUs")
    }
    guard let generation = IntelGeneration(target) else {
      return .fail("\(found): not Intel's", remedy: "see vgpu doctor --for gpu")
    }
    guard machine.purpose == .igd || generation.hasGVT else {
      return .fail(
        "\(found): \(generation.name), which GVT-g does not know",
        remedy: "hand it over whole: vgpu doctor --for igd")
    }
    return .ok("\(found): \(generation.name)")
  }
}
