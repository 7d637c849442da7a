// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// The file of a socket that this process has bound.
final class SocketFile {
  private let place: Place
  private let file: vgpu_file
  /// Once: another bridge's file can get its number after that.
  private var isRemoved = false
  /// Open as long as this process lives.
  private var remover: OwnedFileDescriptor?

  private init(_ place: consuming Place, _ file: vgpu_file) {
    self.place = place
    self.file = file
  }

  /// unlinkat(2), if it is there still, and this process may.
  func remove() {
    if isRemoved { return }
    isRemoved = true
    var file = file
    _ = vgpu_unlink_socket(place.folder.rawValue, place.name, &file)
  }

  /// See `BridgeListener.removeAtEnd()`.
  func removeAtEnd() throws(SystemCallError) {
    var file = file
    let fd = place.folder.rawValue
    let number = try SystemCall.make("fork", on: place.path) {
      vgpu_unlink_socket_at_end(fd, place.name, &file)
    }
    remover = OwnedFileDescriptor(owning: Int32(number))
  }

  /// A name in a folder in which nobody can exchange the file meanwhile.
  struct Place: ~Copyable {
    let path: String
    let name: String
    /// Opened (O_PATH), so that it stays the same one, and can be used without its name.
    let folder: OwnedFileDescriptor

    init(path: String, servedBy server: UInt32?) throws(SystemCallError) {
      let parts = path.split(separator: "/", omittingEmptySubsequences: true)
      guard let name = parts.last, !path.hasSuffix("/") else {
        throw SystemCallError(
          call: "bind", object: path, errno: .isDirectory, remedy: "name a file in a folder")
      }
      let prefix = path.dropLast(name.count)
      let opened = try Self.open(prefix.isEmpty ? "." : String(prefix), servedBy: server)
      self.path = path
      self.name = String(name)
      folder = opened
    }

    /// Whoever could remove the socket and make one of his own would be taken for the bridge.
    private static func open(
      _ folder: String, servedBy server: UInt32?
    ) throws(SystemCallError) -> OwnedFileDescriptor {
      let opened = try OwnedFileDescriptor.open(folder, flags: vgpu_O_PATH | O_DIRECTORY)
      var (owner, mode): (UInt32, UInt32) = (0, 0)
      let fd = opened.rawValue
      try SystemCall.make("fstat", on: folder) { vgpu_folder_rights(fd, &owner, &mode) }
      let isSticky = mode & UInt32(S_ISVTX) != 0
      guard [0, geteuid(), server].contains(owner), isSticky || mode & 0o022 == 0 else {
        throw SystemCallError(
          call: "bind", object: folder, errno: .permissionDenied,
          remedy: "other users could exchange the socket there: choose a folder that only you, or "
            + "root, can change, or one with the sticky bit")
      }
      return opened
    }

    /// bind(2) and listen(2), in the place of a socket that nobody serves any more.
    consuming func bind(_ socket: Int32) throws(SystemCallError) -> SocketFile {
      var file = vgpu_file()
      let fd = folder.rawValue
      var answer = SystemCall.uninterrupted { vgpu_unix_listen(socket, fd, path, name, &file) }
      if answer < 0, SystemCall.errno(answer) == .addressInUse {
        try removeStale()
        answer = SystemCall.uninterrupted { vgpu_unix_listen(socket, fd, path, name, &file) }
      }
      try SystemCall.make("bind", on: path) { answer }
      return SocketFile(self, file)
    }

    /// A socket's file outlives its server that was killed. Only one that refuses connections is
    /// removed, and no link to one.
    private func removeStale() throws(SystemCallError) {
      let number = try SystemCall.make("socket", on: path) { vgpu_packet_socket() }
      let probe = OwnedFileDescriptor(owning: Int32(number))
      var found = vgpu_file()
      let fd = folder.rawValue
      guard vgpu_find_socket(fd, name, &found) == 0,
        SystemCall.errno(vgpu_unix_connect(probe.rawValue, path)) == .connectionRefused
      else {
        throw SystemCallError(
          call: "bind", object: path, errno: .addressInUse,
          remedy: "another bridge serves there, or it is no bridge's socket: give another --socket")
      }
      try SystemCall.make("unlinkat", on: path) { vgpu_unlink_socket(fd, name, &found) }
    }
  }
}
