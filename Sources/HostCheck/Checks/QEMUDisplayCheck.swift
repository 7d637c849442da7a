// SPDX-License-Identifier: Apache-2.0

import QEMU

/// Checks that QEMU can draw a guest's screen and show it to another program.
struct QEMUDisplayCheck: Check {
  let id = "qemu-display"
  let title = "QEMU's display"
  let area = CheckArea.qemu
  let purposes: Set<Purpose> = [.virtio, .sriov]
  let why = "A virtio GPU, alone or beside a virtual function, shows its pictures by D-Bus."
  let documentation = "docs/host.md#qemu"

  func examine(_ machine: Machine) -> Verdict {
    guard let live = machine.live else {
      return .notApplicable("cannot be known from a captured tree")
    }
    guard case .success(let program) = live.qemu else { return .notApplicable("no QEMU") }
    let missing =
      (program.hasDBusDisplay ? [] : ["-display dbus"])
      + (program.virtioGPUs.contains(.plain) ? [] : ["-device virtio-vga"])
    guard missing.isEmpty else {
      return .fail(
        "\(program.path) lacks \(missing.joined(separator: " and "))",
        remedy: machine.distribution.installing(.qemuDisplay))
    }
    return .ok("D-Bus, and the device virtio-vga")
  }
}
