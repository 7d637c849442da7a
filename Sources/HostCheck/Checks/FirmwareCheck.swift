// SPDX-License-Identifier: Apache-2.0

import HostDevices
import QEMU

/// Checks which firmware a guest can have, and whether the firmware can draw on the device.
struct FirmwareCheck: Check {
  let id = "firmware"
  let title = "Guest's firmware"
  let area = CheckArea.qemu
  let purposes = Set(Purpose.allCases)
  let why = "To draw on a vGPU, UEFI needs an OpROM, a BIOS does not. A card's ROM needs UEFI."
  let documentation = "docs/host.md#firmware"

  private static let roms = ["qemu", "kvm", "seabios", "vgabios", "vgpu"].map {
    "/usr/share/\($0)/vbios_gvt_uefi.rom"
  }

  func examine(_ machine: Machine) -> Verdict {
    let uefi = uefi(machine)
    let rom = Self.roms.first { machine.files.exists($0) }
    switch machine.purpose {
    case .virtio, .sriov:
      return .ok(uefi.map { "BIOS, and UEFI: \($0)" } ?? "BIOS; no UEFI is installed")
    case .gpu:
      return uefi.map { .ok("UEFI: \($0)") }
        ?? .fail(
          "no UEFI is installed, but a card's ROM needs one",
          remedy: machine.distribution.installing(.uefi))
    case .nvidia:
      return .ok(uefi.map { "BIOS, and UEFI: \($0)" } ?? "BIOS; no UEFI is installed")
    case .igd:
      return .ok("\(uefi == nil ? "BIOS" : "BIOS and UEFI"); legacy mode needs a BIOS")
    case .gvtG:
      guard uefi != nil else { return .ok("BIOS; it can draw on a vGPU") }
      return rom.map { .ok("BIOS, and UEFI with \($0)") }
        ?? .ok("BIOS; UEFI without an OpROM (vbios_gvt_uefi.rom) is dark until the guest's driver")
    }
  }

  /// The UEFI that `vgpu run` would take, or else any installed one: another program may want a
  /// UEFI with Secure Boot, and an older captured tree has only the files' names.
  private func uefi(_ machine: Machine) -> String? {
    let files = machine.files
    let folders = machine.live == nil ? UEFIImages.commonFolders : UEFIImages.folders
    let images = UEFIImages.find(
      machine: "pc-q35", folders: folders,
      in: UEFIImages.Files(
        names: { files.readableNames(in: $0) }, bytes: { files.bytes($0, limit: $1) },
        isUsable: { files.exists($0.path) }))
    if let images { return images.code.path }
    let code = UEFIImages.places.lazy.map(\.code.path).first { files.exists($0) }
    return code
      ?? folders.lazy.compactMap { folder in
        files.readableNames(in: folder).first { $0.hasSuffix(".json") }.map { "\(folder)/\($0)" }
      }.first
  }
}
