// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Folders with one name in several places, for files of packages, the running system and the
/// administrator. Programs read them like one folder, in the order of file names. A file hides the
/// files with its name in lower folders.
struct DropInFolders: Sendable {
  /// The folders, highest first.
  let folders: [String]
  /// The required end of a file's name.
  let suffix: String

  init(_ folders: [String], suffix: String) {
    self.folders = folders
    self.suffix = suffix
  }

  /// modprobe.d(5), with kmod's built-in folders. `/usr/lib` and `/lib` are the same folder on most
  /// hosts.
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

  /// The files that are not hidden, in the order in which programs read them.
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
