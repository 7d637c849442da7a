// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks for several VGA devices. They share one set of old addresses, and the kernel's arbiter
/// gives it to one device at a time.
struct VGAArbiterCheck: Check {
  let id = "vga-arbiter"
  let title = "VGA arbiter"
  let area = CheckArea.device
  let purposes: Set<Purpose> = [.igd, .gpu]
  let why = "A guest with a BIOS uses VGA's old addresses, and the host has only one set of them."
  let documentation = "https://docs.kernel.org/gpu/vgaarbiter.html"

  func examine(_ machine: Machine) -> Verdict {
    // Skip virtual functions: they have the VGA class, but not the addresses.
    let devices = machine.functions.filter {
      $0.classCode.rawValue >> 8 == 0x0300 && !$0.isVirtual
    }
    guard devices.count > 1 else { return .notApplicable("\(devices.count) VGA device") }
    let found = "\(devices.count) VGA devices"
    guard machine.files.exists("/dev/vga_arbiter") else {
      return .warn(
        "\(found), and no /dev/vga_arbiter",
        remedy: "give the guest UEFI (OVMF), or take a kernel with CONFIG_VGA_ARB")
    }
    return .ok("\(found), arbitrated; with UEFI (OVMF) no guest needs it")
  }
}
