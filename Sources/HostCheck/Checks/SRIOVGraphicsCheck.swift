// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks for a GPU that can have virtual functions: file `sriov_totalvfs`.
struct SRIOVGraphicsCheck: Check {
  let id = "sriov-gpu"
  let title = "GPU with SR-IOV"
  let area = CheckArea.hardware
  let purposes: Set<Purpose> = [.sriov]
  let why = "The GPU itself makes the virtual functions that guests get."
  let documentation = "docs/host.md#sr-iov"

  func examine(_ machine: Machine) -> Verdict {
    guard let target = machine.target else {
      return .fail(
        "no GPU for it", remedy: "put in a GPU with SR-IOV, or see vgpu doctor --for gpu")
    }
    let found =
      machine.host.names(of: [target]).device(of: target).map { "\(target.label) \($0)" }
      ?? target.label
    if target.vendor == NVIDIAGraphicsCheck.vendor {
      return .fail("\(found): NVIDIA's", remedy: "see vgpu doctor --for nvidia")
    }
    switch machine.files.number("\(machine.path(target))/sriov_totalvfs") {
    case let count? where count > 0: return .ok("\(found): \(count) virtual functions at most")
    case 0?:
      return .fail(
        "\(found): its driver allows none (sriov_totalvfs is 0)",
        remedy: "boot without max_vfs=0 of its driver; journalctl -k -g -i sriov tells the reason")
    default:
      return .fail(
        "\(found): has no SR-IOV (no sriov_totalvfs)",
        remedy: "switch SR-IOV on in the firmware, or hand the GPU over whole: "
          + "vgpu doctor --for \(IntelGeneration(target) == nil ? "gpu" : "igd")")
    }
  }

  /// Whether a GPU's virtual functions are all alike, and it can have some.
  static func splits(_ gpu: PCIFunction, _ host: HostHardware) -> Bool {
    gpu.vendor != NVIDIAGraphicsCheck.vendor
      && VirtualFunctions(host: host).most(of: gpu.address) != nil
  }
}
