// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks that the vGPU's frames can be drawn without a copy.
struct RendererCheck: Check {
  let id = "egl"
  let title = "EGL"
  let area = CheckArea.display
  let purposes: Set<Purpose> = [.gvtG]
  let why = "Frames need no copy when the vGPU's own GPU imports dma-bufs by modifier."
  let documentation = "docs/host.md#display"

  func examine(_ machine: Machine) -> Verdict {
    guard let live = machine.live else {
      return .notApplicable("cannot be known from a captured tree")
    }
    let node =
      machine.target?.renderNode
      ?? machine.parents.lazy.compactMap(\.renderNode).first
    let place = node ?? "without a render node"
    switch live.graphics(node) {
    case .failure(let refusal):
      return .fail(
        "\(place): \(refusal.reason)",
        remedy:
          "install the GPU's driver (\(machine.distribution.installing(.graphics))), and join "
          + "the group render")
    case .success(let graphics):
      let found = "\(place): \(graphics.renderer)"
      if !graphics.importsDMABufs {
        return .warn(
          "\(found) imports no dma-bufs: frames are copied", remedy: "install a newer Mesa")
      }
      if graphics.isSoftware {
        return .warn(
          "\(found) is a CPU",
          remedy: "install the GPU's driver: \(machine.distribution.installing(.graphics))")
      }
      return graphics.importsModifiers
        ? .ok("\(found) imports dma-bufs, by modifier")
        : .warn(
          "\(found) imports dma-bufs without their modifier: tiled frames are refused",
          remedy: "install a newer Mesa")
    }
  }
}
