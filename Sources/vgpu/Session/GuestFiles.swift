// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// A place where a guest's QEMU serves QMP, in the user's folder for sockets. QEMU serves one client at
/// a time at each, so the window has one to itself.
struct QMPSocket {
  /// Who is served there; what the file's name ends in.
  enum Client: String, CaseIterable {
    case window = "qmp"
    /// Commands that come and go.
    case commands = "commands.qmp"
  }

  let path: String

  /// Finds the place, in a folder that this user alone may enter, and leaves it alone.
  ///
  /// - Parameter identity: what tells the guest from others, such as its vGPU's UUID.
  /// - Throws: `Failure` where an address cannot hold the path, or there is no such folder.
  init(_ identity: String, for client: Client) throws {
    path = "\(try UserFolder.runtime())/\(identity).\(client.rawValue)"
    // sockaddr_un has 108 bytes, one of them for the end.
    guard path.utf8.count <= 107 else {
      throw Failure("\(path): too long for a socket; set XDG_RUNTIME_DIR to a shorter path")
    }
  }

  /// Clears the place of what an ended guest has left.
  ///
  /// - Throws: `Failure` where a guest answers there.
  func prepare() throws {
    let socket = OwnedFileDescriptor(
      owning: Int32(try SystemCall.make("socket", on: path) { vgpu_unix_socket() }))
    let answer = SystemCall.uninterrupted { vgpu_unix_connect(socket.rawValue, path) }
    if answer >= 0 || SystemCall.errno(answer) == .resourceTemporarilyUnavailable {
      throw Failure("\(path): another guest answers there; end it first")
    }
    remove()
  }

  /// Takes the socket's file away; QEMU does so itself unless it was killed.
  func remove() { unlink(path) }
}

/// Where a guest's QEMU says what it has to say: a file that outlives the viewer, begun anew with
/// each start, `IDENTITY.log` in the user's folder for state.
struct GuestLog: ~Copyable {
  let path: String
  let descriptor: OwnedFileDescriptor

  init(_ identity: String) throws {
    let path = "\(try UserFolder.state())/\(identity).log"
    descriptor = try Self.open(path)
    self.path = path
  }

  private static func open(_ path: String) throws -> OwnedFileDescriptor {
    do {
      return OwnedFileDescriptor(
        owning: try FileDescriptor.open(
          FilePath(path), .readWrite, options: [.create, .truncate, .append, .closeOnExec],
          permissions: .ownerReadWrite
        ).rawValue)
    } catch {
      throw Failure("\(path): cannot be written: \(error); set XDG_STATE_HOME to a folder of yours")
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
