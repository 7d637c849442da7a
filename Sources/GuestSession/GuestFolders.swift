// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// Where guests' files lie: logs and stores of UEFI variables in one folder, QMP sockets in another.
///
/// Both are the user's own, and nobody else may enter them: whoever reaches a QMP socket rules its
/// guest. A folder that is missing is made when it is needed.
@nonexhaustive
public enum GuestFolders: Hashable, Sendable {
  /// By the XDG base directory specification, a program's folders in `$XDG_STATE_HOME`
  /// (`~/.local/state` when unset) and in `$XDG_RUNTIME_DIR`, or in the former for a user without a
  /// login.
  case user(program: String)
  /// These.
  case at(state: String, sockets: String)

  /// The folder for files that outlive a login.
  ///
  /// - Throws: `GuestError.file` when it cannot be this user's alone.
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
  /// - Throws: `GuestError.file` when it cannot be this user's alone.
  public func sockets() throws(GuestError) -> String {
    switch self {
    case .at(_, let sockets):
      try Self.makePrivate(sockets)
      return sockets
    case .user(let program):
      let usual = "/run/user/\(geteuid())"
      // After `su` the variable can still name another user's.
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

  /// Makes sure that a folder is there, is this user's, and that nobody else may enter it (mode
  /// 0700). One that others may enter only to look is closed to them; in one that they could write
  /// to, anything can lie.
  private static func makePrivate(_ path: String) throws(GuestError) {
    // Shows below, where it fails.
    _ = mkdir(path, 0o700)
    let folder: OwnedFileDescriptor
    do {
      // No link: it could lead to a folder that another user gives away at the right moment.
      folder = try OwnedFileDescriptor.open(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    } catch {
      throw .file(path, reason: "cannot be made or entered: \(error.errno)")
    }
    guard let status = try? Stat(FileDescriptor(rawValue: folder.rawValue)),
      status.userID.rawValue == geteuid()
    else { throw .file(path, reason: "belongs to another user") }
    guard status.permissions.isDisjoint(with: [.groupWrite, .otherWrite]) else {
      throw .file(
        path, reason: "others may write there; remove it (rm -r), and it is made anew")
    }
    guard status.permissions.rawValue & 0o077 != 0 else { return }
    guard fchmod(folder.rawValue, 0o700) == 0 else {
      throw .file(
        path, reason: "others may enter it, which cannot be changed; chmod 700 it")
    }
  }

  /// Whether a folder is there and this user's.
  private static func isOwn(_ path: String) -> Bool {
    guard let status = try? Stat(path) else { return false }
    return status.type == .directory && status.userID.rawValue == geteuid()
  }

  /// The specification has relative paths ignored.
  private static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
  }
}

/// The paths where a guest's QEMU serves QMP. QEMU serves one client at a time at each, so a window
/// has one to itself.
public struct GuestSockets: Hashable, Sendable {
  /// For a client that stays connected, such as a window.
  public let window: String
  /// For commands that come and go.
  public let commands: String

  /// Finds the paths, in a folder that this user alone may enter, and leaves them alone.
  ///
  /// - Parameter identity: tells the guest from others.
  init(_ identity: String, in folders: GuestFolders) throws(GuestError) {
    let folder = try folders.sockets()
    window = "\(folder)/\(identity).qmp"
    commands = "\(folder)/\(identity).commands.qmp"
    // sockaddr_un has 108 bytes, one of them for the end.
    for path in paths where path.utf8.count > 107 {
      throw .file(path, reason: "too long for a socket; set XDG_RUNTIME_DIR to a shorter path")
    }
  }

  /// The window's first.
  var paths: [String] { [window, commands] }

  /// Clears the paths of what an ended guest has left.
  ///
  /// - Throws: `GuestError.socketInUse` where a guest answers.
  func prepare() throws(GuestError) {
    for path in paths {
      let socket: OwnedFileDescriptor
      do {
        socket = OwnedFileDescriptor(
          owning: Int32(try SystemCall.make("socket", on: path) { vgpu_unix_socket() }))
      } catch {
        throw .system(error)
      }
      let answer = SystemCall.uninterrupted { vgpu_unix_connect(socket.rawValue, path) }
      if answer >= 0 || SystemCall.errno(answer) == .resourceTemporarilyUnavailable {
        throw .socketInUse(path)
      }
      unlink(path)
    }
  }

  /// Takes the sockets' files away; QEMU does so itself unless it was killed.
  func remove() {
    for path in paths { unlink(path) }
  }
}

/// What a guest's QEMU and serial ports say: a file that outlives the guest, begun anew with each
/// start.
struct GuestLog: ~Copyable, Sendable {
  let path: String
  let descriptor: OwnedFileDescriptor

  init(_ identity: String, in folders: GuestFolders) throws(GuestError) {
    let path = "\(try folders.state())/\(identity).log"
    descriptor = try Self.open(path)
    self.path = path
  }

  private static func open(_ path: String) throws(GuestError) -> OwnedFileDescriptor {
    do {
      return OwnedFileDescriptor(
        owning: try FileDescriptor.open(
          FilePath(path), .readWrite, options: [.create, .truncate, .append, .closeOnExec],
          permissions: .ownerReadWrite
        ).rawValue)
    } catch {
      throw .file(
        path, reason: "cannot be written: \(error); set XDG_STATE_HOME to a folder of yours")
    }
  }

  /// What was said last, a few lines at most.
  var tail: String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let size = lseek(descriptor.rawValue, 0, SEEK_END)
    let start = max(0, size - buffer.count)
    let count = buffer.withUnsafeMutableBytes {
      pread(descriptor.rawValue, $0.baseAddress, $0.count, start)
    }
    return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
      .split(separator: "\n").suffix(3).joined(separator: "\n")
  }
}
