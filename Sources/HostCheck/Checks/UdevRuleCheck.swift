// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// A rule that gives VFIO's nodes to a group of users.
struct UdevRuleCheck: Check {
  let id = "udev"
  let title = "udev rule"
  let area = CheckArea.rights
  let why = "The nodes of groups are root's; a rule gives them to the users of a group."
  let documentation = "docs/host.md#rights"

  func examine(_ machine: Machine) -> Verdict {
    let folders =
      ["/etc/udev/rules.d", "/run/udev/rules.d", "/usr/lib/udev/rules.d"]
      + ["/lib/udev/rules.d"]
    for folder in folders {
      for name in machine.files.readableNames(in: folder) where name.hasSuffix(".rules") {
        let path = "\(folder)/\(name)"
        if machine.files.lines(path).contains(where: Self.isRule) { return .ok(path) }
      }
    }
    if machine.isRoot { return .notApplicable("none, and root needs none") }
    return .warn(
      "none gives /dev/vfio to users",
      remedy: "SUBSYSTEM==\"vfio\", GROUP=\"kvm\", MODE=\"0660\" in "
        + "/etc/udev/rules.d/70-vgpu.rules, or run as root",
      fix: [
        "printf 'SUBSYSTEM==\"vfio\", GROUP=\"kvm\", MODE=\"0660\"\\n' "
          + ">/etc/udev/rules.d/70-vgpu.rules",
        "udevadm control --reload",
        "udevadm trigger --subsystem-match=vfio",
      ])
  }

  private static func isRule(_ line: Substring) -> Bool {
    let text = line.filter { $0 != " " }
    guard !text.hasPrefix("#"), text.contains("SUBSYSTEM==\"vfio\"") else { return false }
    return text.contains("GROUP=") || text.contains("MODE=") || text.contains("OWNER=")
      || text.contains("uaccess")
  }
}
