// SPDX-License-Identifier: Apache-2.0

extension HostReport {
  /// A script for bash that carries out the remedies that do no harm: it loads modules, and adds lines
  /// to files of its own in `/etc`, for every purpose to the same ones. It changes no file of others,
  /// and nothing when it is run again. What a person must decide (the kernel's command line, the
  /// firmware, whose driver a device has) stands in it as comments.
  public var script: String {
    var lines = [
      "#!/usr/bin/env bash", "# From vgpu doctor --for \(purpose.rawValue) --fix. Run it as root.",
      "set -euo pipefail", "",
    ]
    if findings.contains(where: { $0.fix.contains { $0.hasPrefix("keep ") } }) {
      lines += [OwnFile.definition, ""]
    }
    for finding in findings where !finding.fix.isEmpty {
      lines.append("# \(finding.title): \(finding.found)")
      lines += finding.fix + [""]
    }
    let others = findings.filter { $0.fix.isEmpty && $0.remedy != nil }
    if !others.isEmpty { lines.append("# To be decided by you:") }
    for finding in others {
      lines += ["# \(finding.title): \(finding.found)", "#   -> \(finding.remedy ?? "")"]
    }
    if findings.contains(where: { $0.fix.contains { $0.contains("/etc/modprobe.d") } }) {
      lines += [
        "# A module that the initramfs loads sees its options once that is built anew",
        "# (update-initramfs -u, mkinitcpio -P, dracut -f); others at the host's next start.",
      ]
    }
    while lines.last?.isEmpty == true { lines.removeLast() }
    return lines.joined(separator: "\n")
  }
}
