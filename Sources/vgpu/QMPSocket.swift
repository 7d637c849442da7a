// SPDX-License-Identifier: Apache-2.0

import CLinux
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
