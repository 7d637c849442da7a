// SPDX-License-Identifier: Apache-2.0

extension HostReport {
  /// A bash script that carries out the harmless remedies. It loads modules, and adds lines to its
  /// own files in `/etc`; the files are the same for every purpose. It changes no other file, and a
  /// second run changes nothing. Remedies that a person must decide on (the kernel's command line,
  /// the firmware, the driver of a device) are comments.
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

/// A file that only `vgpu doctor --fix` writes. No package and no user has a file of this name, so
/// it hides none. It contains the lines of all purposes.
struct OwnFile: Sendable {
  let path: String

  static let modprobe = OwnFile(path: "/etc/modprobe.d/vgpu-doctor.conf")
  static let modulesLoad = OwnFile(path: "/etc/modules-load.d/vgpu-doctor.conf")
  /// The number is below 73, because systemd's rule 73 carries out the tag `uaccess`, and a user's
  /// own rules come later.
  static let udevRules = OwnFile(path: "/etc/udev/rules.d/70-vgpu-doctor.rules")
  static let limits = OwnFile(path: "/etc/security/limits.d/vgpu-doctor.conf")

  /// The script's command that adds these lines to the file.
  func keep(_ lines: [String]) -> String {
    "keep \(path) " + lines.map { "'\($0)'" }.joined(separator: " ")
  }

  /// The command's definition in bash. It adds each missing line once, and changes no other file.
  static let definition = """
    # keep FILE LINE...: adds missing lines to one of vgpu doctor's own files.
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
