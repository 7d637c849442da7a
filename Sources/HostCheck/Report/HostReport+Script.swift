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
    if !others.isEmpty { lines.append("# You decide:") }
    for finding in others {
      lines += ["# \(finding.title): \(finding.found)", "#   -> \(finding.remedy ?? "")"]
    }
    if findings.contains(where: { $0.fix.contains { $0.contains("/etc/modprobe.d") } }) {
      lines += [
        "# If the initramfs loads such a module, rebuild the initramfs (update-initramfs -u,",
        "# mkinitcpio -P, dracut -f). Other modules see their options at the next boot.",
      ]
    }
    while lines.last?.isEmpty == true { lines.removeLast() }
    return lines.joined(separator: "\n")
  }
}

/// A file that `vgpu doctor --fix` has for itself: no package and no user has one of its name, so that it
/// hides none, and what several purposes want stands in it line by line.
struct OwnFile: Sendable {
  let path: String

  static let modprobe = OwnFile(path: "/etc/modprobe.d/vgpu-doctor.conf")
  static let modulesLoad = OwnFile(path: "/etc/modules-load.d/vgpu-doctor.conf")
  /// Before 73, where systemd carries out the tag `uaccess`, and before a user's own.
  static let udevRules = OwnFile(path: "/etc/udev/rules.d/70-vgpu-doctor.rules")
  static let limits = OwnFile(path: "/etc/security/limits.d/vgpu-doctor.conf")

  /// The command of a script that has the file say this.
  func keep(_ lines: [String]) -> String {
    "keep \(path) " + lines.map { "'\($0)'" }.joined(separator: " ")
  }

  /// What the command is, in bash. It adds what is missing, once, and touches no file of others.
  static let definition = """
    # keep FILE LINE...: adds to a file of the doctor's own the lines that it lacks.
    mark='# From vgpu doctor --fix.'
    keep() {
        local file=$1 line folder
        shift
        for folder in /run /usr/local/lib /usr/lib /lib; do
            [ ! -e "$folder/${file#/etc/}" ] || {
                echo "$file: would hide $folder/${file#/etc/}; left out: $*" >&2
                return
            }
        done
        if [ ! -e "$file" ]; then
            mkdir -p "${file%/*}"
            printf '%s\\n' "$mark" >"$file"
        elif ! grep -qxF -e "$mark" "$file"; then
            echo "$file: not from vgpu doctor; left out: $*" >&2
            return
        fi
        for line; do
            grep -qxF -e "$line" "$file" || printf '%s\\n' "$line" >>"$file"
        done
    }
    """
}
