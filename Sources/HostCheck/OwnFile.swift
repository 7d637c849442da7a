// SPDX-License-Identifier: Apache-2.0

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
