// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks that NVIDIA's vGPU Manager drives the GPU: the driver nvidia with its module nvidia-vgpu-vfio.
struct NVIDIAManagerCheck: Check {
  let id = "nvidia-manager"
  let title = "vGPU Manager"
  let area = CheckArea.kernel
  let purposes: Set<Purpose> = [.nvidia]
  let why = "Only NVIDIA's driver for hosts splits the GPU; the driver for desktops does not."
  let documentation = "https://docs.nvidia.com/vgpu/"

  func examine(_ machine: Machine) -> Verdict {
    guard let target = machine.target else { return .notApplicable("there is no such GPU") }
    guard target.driver == "nvidia" else {
      let driver = target.driver ?? "no driver"
      let remedy =
        target.isForGuests
        ? "give it back to the host: vgpu pci restore \(target.address)"
        : "install NVIDIA's vGPU Manager for hosts (the package for KVM from NVIDIA's portal)"
      return .fail("\(target.address): \(driver)", remedy: remedy)
    }
    guard machine.modules.has("nvidia_vgpu_vfio") else {
      return .fail(
        "the driver nvidia without nvidia-vgpu-vfio",
        remedy:
          "modprobe nvidia-vgpu-vfio; where it is missing, install the vGPU Manager for hosts "
          + "instead of the driver for desktops")
    }
    let way =
      machine.offersTypes
      ? "mediated devices (vGPU 16 and earlier)"
      : NVIDIAManagerCheck.has(target, machine.host)
        ? "virtual functions (vGPU 17 and later)" : "no vGPUs yet"
    return .ok("nvidia and nvidia-vgpu-vfio; \(way)")
  }

  /// Whether virtual functions of a GPU can get types of NVIDIA's.
  static func has(_ gpu: PCIFunction, _ host: HostHardware) -> Bool {
    VirtualFunctions(host: host).all(of: gpu.address).contains { host.nvidiaType(of: $0) != nil }
  }
}
