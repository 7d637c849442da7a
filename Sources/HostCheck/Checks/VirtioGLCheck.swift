// SPDX-License-Identifier: Apache-2.0

import HostDevices
import QEMU

/// Checks that the host's GPU can draw for a guest with a virtio GPU.
struct VirtioGLCheck: Check {
  let id = "virtio-gl"
  let title = "OpenGL for guests"
  let area = CheckArea.display
  let purposes: Set<Purpose> = [.virtio, .sriov]
  let why = "With it the host's GPU draws for the guest; without it the guest's processors draw."
  let documentation = "docs/host.md#qemu"

  func examine(_ machine: Machine) -> Verdict {
    guard let live = machine.live else {
      return .notApplicable("cannot be known from a captured tree")
    }
    guard case .success(let program) = live.qemu else { return .notApplicable("no QEMU") }
    guard program.virtioGPUs.contains(.gl) else {
      return .warn(
        "\(program.path) lacks -device virtio-vga-gl",
        remedy: machine.distribution.installing(.qemuGL))
    }
    let nodes = HostHardware.renderNodes.filter(machine.files.exists)
    guard let node = nodes.first else {
      return .warn(
        "no render node in /dev/dri",
        remedy: "install the GPU's driver: \(machine.distribution.installing(.graphics))")
    }
    guard let usable = nodes.first(where: live.mayUse) else {
      return .warn(
        "you may not use \(node)", remedy: "usermod -aG render USER, and log in again")
    }
    let driver = machine.distribution.installing(.graphics)
    switch live.graphics(usable) {
    case .failure(let refusal):
      return .warn("\(usable): \(refusal.reason)", remedy: "install the GPU's driver: \(driver)")
    case .success(let graphics):
      let found = "\(usable): \(graphics.renderer)"
      if !graphics.sharesPictures {
        return .warn(
          "\(found) cannot share its pictures (EGL_MESA_image_dma_buf_export)",
          remedy: "install a newer driver (\(driver)), or run guests with --no-gl")
      }
      if graphics.isSoftware {
        return .warn("\(found) is a CPU", remedy: "install the GPU's driver: \(driver)")
      }
      return .ok("virtio-vga-gl, on \(found)")
    }
  }
}
