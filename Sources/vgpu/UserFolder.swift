// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// Folders of this user's own, by the XDG base directory specification: nobody else may enter them,
/// because whoever reaches a QMP socket in one rules its guest.
enum UserFolder {
  /// For what outlives a login, `$XDG_STATE_HOME/vgpu` (`~/.local/state/vgpu` when unset), which is
  /// made when there is none.
  ///
  /// - Throws: `Failure` where it cannot be this user's alone.
  static func state() throws -> String {
    if let state = variable("XDG_STATE_HOME") {
      return try make("/vgpu", in: state, "XDG_STATE_HOME")
    }
    return try make("/.local/state/vgpu", in: variable("HOME") ?? "/root", "XDG_STATE_HOME")
  }

  /// For sockets, `$XDG_RUNTIME_DIR/vgpu`; where that is not this user's as in a login, or else the
  /// folder for state. It is made when there is none.
  ///
  /// - Throws: `Failure` where it cannot be this user's alone.
  static func runtime() throws -> String {
    let usual = "/run/user/\(geteuid())"
    // After `su` the variable can still name another user's.
    if let runtime = [variable("XDG_RUNTIME_DIR"), usual].compactMap({ $0 }).first(where: isOwn) {
      return try make("/vgpu", in: runtime, "XDG_RUNTIME_DIR")
    }
    return try state()
  }

  private static func make(
    _ path: String, in folder: String, _ variable: String
  ) throws -> String {
    var folder = folder
    _ = mkdir(folder, 0o700)
    for part in path.split(separator: "/") {
      folder += "/\(part)"
      _ = mkdir(folder, 0o700)
    }
    do {
      try makePrivate(folder)
    } catch {
      throw Failure("\(error); set \(variable) to a folder of yours")
    }
    return folder
  }

  /// Makes sure that a folder is there, is this user's, and that nobody else may enter it (mode
  /// 0700). One that others may enter only to look is closed to them; in one that they could write
  /// to, anything can lie.
  ///
  /// - Throws: `Failure` with the folder and the reason.
  static func makePrivate(_ path: String) throws {
    // Shows below, where it fails.
    _ = mkdir(path, 0o700)
    let folder: OwnedFileDescriptor
    do {
      // No link: it could lead to a folder that another user gives away at the right moment.
      folder = try OwnedFileDescriptor.open(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    } catch {
      throw Failure("\(path): cannot be made or entered: \(error.errno)")
    }
    var status = stat()
    guard fstat(folder.rawValue, &status) == 0, status.st_uid == geteuid() else {
      throw Failure("\(path): belongs to another user")
    }
    guard status.st_mode & 0o022 == 0 else {
      throw Failure("\(path): others may write there; remove it (rm -r), and it is made anew")
    }
    guard status.st_mode & 0o077 != 0 else { return }
    guard fchmod(folder.rawValue, 0o700) == 0 else {
      throw Failure("\(path): others may enter it, which cannot be changed; chmod 700 it")
    }
  }

  /// Whether a folder is there and this user's.
  private static func isOwn(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_uid == geteuid()
      && Int32(status.st_mode) & S_IFMT == S_IFDIR
  }

  /// The specification has relative paths ignored.
  private static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
  }
}
