// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks for a GPU of NVIDIA's.
struct NVIDIAGraphicsCheck: Check {
  let id = "nvidia-gpu"
  let title = "GPU of NVIDIA's"
  let area = CheckArea.hardware
  let purposes: Set<Purpose> = [.nvidia]
  let why = "NVIDIA's vGPUs need a data centre or workstation GPU that NVIDIA lists for them."
  let documentation = "https://docs.nvidia.com/vgpu/gpus-supported-by-vgpu.html"

  static let vendor = PCIID(rawValue: 0x10de)

  func examine(_ machine: Machine) -> Verdict {
    guard let target = machine.target else {
      let displays = machine.displays.map(\.label)
      return .fail(
        displays.isEmpty ? "no display controller at all" : "only \(displays.list())",
        remedy: "put one in, or see vgpu doctor --for sriov")
    }
    guard target.vendor == Self.vendor else {
      return .fail("\(target.label): not NVIDIA's", remedy: "see vgpu doctor --for sriov")
    }
    let found =
      machine.host.names(of: [target]).device(of: target).map { "\(target.label) \($0)" }
      ?? target.label
    // The PCI class of a GPU without connectors; with them, a GPU may be switched into this mode.
    guard target.classCode.rawValue >> 8 != 0x0300 || NVIDIAManagerCheck.has(target, machine.host)
    else {
      return .warn(
        "\(found): in the mode for monitors",
        remedy: "if it splits at all, switch it: NVIDIA's displaymodeselector (--gpumode)")
    }
    return .ok(found)
  }
}
