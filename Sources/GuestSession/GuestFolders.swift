// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxSystem
import QEMU
import SystemPackage

/// The folders of guests' files: one for logs and stores of UEFI variables, another for QMP
/// sockets.
///
/// Both belong to the user, and nobody else may enter them, because a user who can connect to a QMP
/// socket controls its guest. A missing folder is made when it is needed.
@nonexhaustive
public enum GuestFolders: Hashable, Sendable {
  /// By the XDG base directory specification: the program's folder in `$XDG_STATE_HOME`
  /// (`~/.local/state` when unset) and in `$XDG_RUNTIME_DIR`. For a user without a login, the
  /// sockets lie in the former too.
  case user(program: String)
  /// These two folders.
  case at(state: String, sockets: String)

  /// Where the folder for files that outlive a login is, or would be.
  package var statePath: String {
    switch self {
    case .at(let state, _): state
    case .user(let program):
      Self.variable("XDG_STATE_HOME").map { "\($0)/\(program)" }
        ?? "\(Self.variable("HOME") ?? "/root")/.local/state/\(program)"
    }
  }

  /// The folder for files that outlive a login.
  ///
  /// - Throws: `GuestError.file` when the folder cannot be private to this user.
  public func state() throws(GuestError) -> String {
    switch self {
    case .at(let state, _):
      try Self.makePrivate(state)
      return state
    case .user(let program):
      if let state = Self.variable("XDG_STATE_HOME") {
        return try Self.make("/\(program)", in: state, "XDG_STATE_HOME")
      }
      return try Self.make(
        "/.local/state/\(program)", in: Self.variable("HOME") ?? "/root", "XDG_STATE_HOME")
    }
  }

  /// The folder for sockets.
  ///
  /// - Throws: `GuestError.file` when the folder cannot be private to this user.
  public func sockets() throws(GuestError) -> String {
    switch self {
    case .at(_, let sockets):
      try Self.makePrivate(sockets)
      return sockets
    case .user(let program):
      let usual = "/run/user/\(geteuid())"
      // After `su`, the variable can still name another user's folder.
      let folders = [Self.variable("XDG_RUNTIME_DIR"), usual].compactMap { $0 }
      guard let runtime = folders.first(where: Self.isOwn) else { return try state() }
      return try Self.make("/\(program)", in: runtime, "XDG_RUNTIME_DIR")
    }
  }

  private static func make(
    _ path: String, in folder: String, _ variable: String
  ) throws(GuestError) -> String {
    var folder = folder
    _ = mkdir(folder, 0o700)
    for part in path.split(separator: "/") {
      folder += "/\(part)"
      _ = mkdir(folder, 0o700)
    }
    do {
      try makePrivate(folder)
    } catch {
      guard case .file(let path, let reason) = error else { throw error }
      throw .file(path, reason: "\(reason); set \(variable) to a folder of yours")
    }
    return folder
  }

  /// Makes sure that a folder exists, belongs to this user, and that nobody else may enter it (mode
  /// 0700). When others may enter it but not write, it is closed to them. When others could write
  /// to it, this throws, because it can contain anything.
  private static func makePrivate(_ path: String) throws(GuestError) {
    // The open below reports a failure.
    _ = mkdir(path, 0o700)
    let folder: OwnedFileDescriptor
    do {
      // No symbolic link: it could lead to a folder that another user gives away at the right
      // moment.
      folder = try OwnedFileDescriptor.open(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    } catch {
      throw .file(path, reason: "cannot be made or entered: \(error.errno)")
    }
    guard let status = try? Stat(FileDescriptor(rawValue: folder.rawValue)),
      status.userID.rawValue == geteuid()
    else { throw .file(path, reason: "belongs to another user") }
    guard status.permissions.isDisjoint(with: [.groupWrite, .otherWrite]) else {
      throw .file(
        path, reason: "other users may write to it; remove it (rm -r), and try again")
    }
    guard status.permissions.rawValue & 0o077 != 0 else { return }
    guard fchmod(folder.rawValue, 0o700) == 0 else {
      throw .file(
        path,
        reason: "other users may enter it, and its mode could not be changed; run chmod 700 on it")
    }
  }

  /// Whether a folder exists and belongs to this user.
  private static func isOwn(_ path: String) -> Bool {
    guard let status = try? Stat(path) else { return false }
    return status.type == .directory && status.userID.rawValue == geteuid()
  }

  /// The specification demands that relative paths are ignored.
  private static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
  }
}

/// The paths of a guest's sockets: QMP, the agents in the guest, and the host's helpers. QEMU serves one client
/// at a time at each path, so a window has its own.
public struct GuestSockets: Hashable, Sendable {
  /// For a client that stays connected, such as a window.
  public let window: String
  /// For commands that connect briefly.
  public let commands: String
  /// For a client that speaks to the guest's agent of clipboards and files, such as a window.
  public let agent: String
  /// The port of qemu-guest-agent in the guest.
  let guestAgent: String
  /// Where QEMU finds the guest's TPM.
  let tpm: String
  /// Where QEMU finds the servers of the host's folders, in their order.
  let shares: [String]

  /// Finds the paths, in a folder that only this user may enter. Touches no file there.
  ///
  /// - Parameter identity: a name that no other guest has.
  init(_ identity: String, in folders: GuestFolders) throws(GuestError) {
    let folder = try folders.sockets()
    window = "\(folder)/\(identity).qmp"
    commands = "\(folder)/\(identity).commands.qmp"
    agent = "\(folder)/\(identity).agent"
    guestAgent = "\(folder)/\(identity).guestagent"
    // A comma would end the path on swtpm's command line, which has no way to escape one.
    tpm = "\(folder)/\(identity.replacing(",", with: "%2C")).swtpm"
    shares = (0..<FolderShare.most).map { "\(folder)/\(identity).folder\($0)" }
    // sockaddr_un holds 108 bytes, one of them for the terminating zero.
    for path in paths where path.utf8.count > 107 {
      throw .file(path, reason: "too long for a socket; set XDG_RUNTIME_DIR to a shorter path")
    }
  }

  /// Where QEMU serves QMP, the window's first.
  var qmp: [String] { [window, commands] }

  /// All of them, those of QMP first.
  private var paths: [String] { qmp + [agent, guestAgent, tpm] + shares }

  /// Removes what an ended guest has left at the paths.
  ///
  /// - Throws: `GuestError.socketInUse` when a guest answers.
  func prepare() throws(GuestError) {
    // A helper takes one client in its life, so its socket is not tried.
    for path in [tpm] + shares { unlink(path) }
    for path in qmp + [agent, guestAgent] {
      let socket: OwnedFileDescriptor
      do {
        socket = try UnixSocket.make(for: path)
      } catch {
        throw .system(error)
      }
      // A full queue of clients is somebody's, too.
      if (try? UnixSocket.connect(socket.rawValue, to: path)) != nil { throw .socketInUse(path) }
      unlink(path)
    }
  }

  /// Removes the sockets' files. QEMU does so itself unless it was killed.
  func remove() {
    for path in paths { unlink(path) }
  }
}
