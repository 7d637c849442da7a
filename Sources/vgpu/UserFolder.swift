// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// Folders of this user's own, by the XDG base directory specification. One that cannot be made
/// shows when something is to be put into it.
enum UserFolder {
  /// For what outlives a login, `$XDG_STATE_HOME/vgpu` (`~/.local/state/vgpu` when unset).
  static func state() -> String {
    if let state = variable("XDG_STATE_HOME") { return make("/vgpu", in: state) }
    return make("/.local/state/vgpu", in: variable("HOME") ?? "/root")
  }

  /// For sockets, `$XDG_RUNTIME_DIR/vgpu`; without that variable as with it in a login, or else the
  /// folder for state.
  static func runtime() -> String {
    let usual = "/run/user/\(geteuid())"
    if let runtime = variable("XDG_RUNTIME_DIR") ?? (isOwn(usual) ? usual : nil) {
      let folder = make("/vgpu", in: runtime)
      // Earlier bridges have made it for all to enter.
      if isMine(folder) { _ = chmod(folder, 0o700) }
      return folder
    }
    return state()
  }

  /// Whether it is a folder that this user has to himself.
  static func isOwn(_ path: String) -> Bool { isMine(path, but: 0o077) }

  /// Whether it is a folder of this user's, no link to one, with none of these rights.
  private static func isMine(_ path: String, but rights: mode_t = 0) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && Int32(status.st_mode) & S_IFMT == S_IFDIR
      && status.st_uid == geteuid() && status.st_mode & rights == 0
  }

  private static func make(_ path: String, in folder: String) -> String {
    var folder = folder
    _ = mkdir(folder, 0o700)
    for part in path.split(separator: "/") {
      folder += "/\(part)"
      _ = mkdir(folder, 0o700)
    }
    return folder
  }

  /// The specification has relative paths ignored.
  private static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
  }
}
