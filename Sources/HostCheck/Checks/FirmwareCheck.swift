// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Which firmware a guest can have, and whether it shows itself on the device.
struct FirmwareCheck: Check {
  let id = "firmware"
  let title = "Guest's firmware"
  let area = CheckArea.qemu
  let why = "UEFI needs an OpROM to draw on a vGPU, a BIOS needs none; cards want UEFI."
  let documentation = "docs/host.md#firmware"

  private static let folders = [
    "/usr/share/OVMF", "/usr/share/ovmf", "/usr/share/edk2", "/usr/share/edk2-ovmf",
    "/usr/share/qemu/firmware", "/etc/qemu/firmware",
  ]
  private static let roms = ["qemu", "kvm", "seabios", "vgabios", "vgpu"].map {
    "/usr/share/\($0)/vbios_gvt_uefi.rom"
  }

  func examine(_ machine: Machine) -> Verdict {
    let hasUEFI = Self.folders.contains { !machine.files.readableNames(in: $0).isEmpty }
    let rom = Self.roms.first { machine.files.exists($0) }
    let remedy = "apt install ovmf"
    switch machine.purpose {
    case .gpu:
      return hasUEFI
        ? .ok("UEFI is installed")
        : .fail("no UEFI is installed, and a card's ROM wants one", remedy: remedy)
    case .igd:
      return .ok(hasUEFI ? "BIOS and UEFI; legacy mode wants a BIOS" : "BIOS, as legacy mode wants")
    case .gvtG:
      guard hasUEFI else { return .ok("BIOS, which shows itself on a vGPU") }
      return rom.map { .ok("BIOS, and UEFI with \($0)") }
        ?? .ok("BIOS; UEFI without an OpROM (vbios_gvt_uefi.rom) is dark until the guest's driver")
    }
  }
}
