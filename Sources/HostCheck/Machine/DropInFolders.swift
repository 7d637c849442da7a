// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Folders of one name that packages, the running system and the administrator put files into. They
/// are read as if they were one: by file name, and a file hides those of its name in lower folders.
struct DropInFolders: Sendable {
  /// Best first.
  let folders: [String]
  /// What a file's name must end in.
  let suffix: String

  init(_ folders: [String], suffix: String) {
    self.folders = folders
    self.suffix = suffix
  }

  /// modprobe.d(5), as kmod has its folders built in. `/usr/lib` and `/lib` are one on most hosts.
  static let modprobe = DropInFolders(
    ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"].map { "\($0)/modprobe.d" },
    suffix: ".conf")
  /// udev(7).
  static let udevRules = DropInFolders(
    ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"].map { "\($0)/udev/rules.d" },
    suffix: ".rules")
  /// modules-load.d(5).
  static let modulesLoad = DropInFolders(
    ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"].map { "\($0)/modules-load.d" },
    suffix: ".conf")
  /// limits.conf(5): pam_limits reads one folder.
  static let limits = DropInFolders(["/etc/security/limits.d"], suffix: ".conf")
  /// dracut.conf(5).
  static let dracut = DropInFolders(
    ["/etc/dracut.conf.d", "/usr/lib/dracut/dracut.conf.d"], suffix: ".conf")

  /// The files that are in force, in the order in which they are read.
  func paths(_ files: Sysfs) -> [String] {
    var paths: [String: String] = [:]
    for folder in folders.reversed() {
      for name in files.readableNames(in: folder) where name.hasSuffix(suffix) {
        paths[name] = "\(folder)/\(name)"
      }
    }
    return paths.sorted { $0.key < $1.key }.map(\.value)
  }
}
