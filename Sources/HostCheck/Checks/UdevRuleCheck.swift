// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks for a udev rule that gives VFIO's nodes to a group of users.
struct UdevRuleCheck: Check {
  let id = "udev"
  let title = "udev rule"
  let area = CheckArea.rights
  let why = "Only root may open VFIO's nodes; a rule gives them to a group of users."
  let documentation = "docs/host.md#rights"

  private static let rule = "SUBSYSTEM==\"vfio\", GROUP=\"kvm\", MODE=\"0660\""

  func examine(_ machine: Machine) -> Verdict {
    let paths = DropInFolders.udevRules.paths(machine.files)
    if let path = paths.first(where: { Self.hasRule(machine.files.bytes($0, limit: 1 << 20)) }) {
      return .ok(path)
    }
    if machine.isRoot { return .notApplicable("none, and root needs none") }
    return .warn(
      "none gives /dev/vfio to users",
      remedy: "\(Self.rule) in \(OwnFile.udevRules.path), or run as root",
      fix: [
        OwnFile.udevRules.keep([Self.rule]),
        "udevadm control --reload",
        "udevadm trigger --subsystem-match=vfio",
      ])
  }

  /// Whether a file contains such a rule. A line that ends in a backslash continues in the next
  /// line.
  private static func hasRule(_ bytes: [UInt8]?) -> Bool {
    String(decoding: bytes ?? [], as: UTF8.self).split(separator: "\\\n")
      .joined(separator: " ").split(separator: "\n").contains(where: isRule)
  }

  private static func isRule(_ line: Substring) -> Bool {
    let text = line.filter { $0 != " " && $0 != "\t" }
    guard !text.hasPrefix("#"), text.contains("SUBSYSTEM==\"vfio\"") else { return false }
    return text.contains("GROUP") || text.contains("MODE") || text.contains("OWNER")
      || text.contains("uaccess")
  }
}
