// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem
import SystemPackage

/// The socket that a bridge's clients connect to. With this value its file goes, if it made one.
public struct BridgeListener: ~Copyable {
  let socket: Int32
  /// The socket's path; `nil` where somebody else has bound it.
  public let path: String?
  private let file: SocketFile?

  /// Makes a socket at a path (socket(2), bind(2), listen(2)). One that nobody serves any more is
  /// replaced. Everybody may connect; who is answered is the policies' affair.
  ///
  /// - Parameters:
  ///   - path: where, in a folder in which nobody but root, this user and `server` could put a file in
  ///     the place of another.
  ///   - server: who serves the socket later on, if that is somebody else.
  /// - Throws: `SystemCallError`, with EADDRINUSE when another bridge serves there.
  public init(path: String, servedBy server: UInt32? = nil) throws(SystemCallError) {
    let number = try SystemCall.make("socket", on: path) { vgpu_packet_socket() }
    let socket = OwnedFileDescriptor(owning: Int32(number))
    do {
      file = try SocketFile.Place(path: path, servedBy: server).bind(socket.rawValue)
    } catch {
      throw error.advising(Self.remedy(error.errno))
    }
    self.socket = socket.release()
    self.path = path
  }

  deinit {
    file?.remove()
    // Who has connected and was not taken may have left something that lingers. Without a thread it
    // ends with the process.
    _ = ForeignDescriptors.close(sockets: [socket])
  }

  /// Takes over a listening socket, such as systemd's (`ServiceManager.sockets`).
  ///
  /// - Throws: `SystemCallError` with EPROTOTYPE when it is no listening SOCK_SEQPACKET socket.
  public init(owning socket: consuming OwnedFileDescriptor) throws(SystemCallError) {
    let fd = socket.rawValue
    let answer = SystemCall.uninterrupted { vgpu_adopt_listener(fd) }
    guard answer >= 0 else {
      throw SystemCallError(
        call: "getsockopt", object: "descriptor \(fd)", errno: SystemCall.errno(answer),
        remedy: "the unit's socket must be ListenSequentialPacket=")
    }
    self.socket = socket.release()
    path = nil
    file = nil
  }

  private static func remedy(_ errno: Errno) -> String? {
    switch errno {
    case .noSuchFileOrDirectory, .notDirectory:
      "its folder is not there: make it, or choose another"
    case .permissionDenied, .notPermitted, .readOnlyFileSystem:
      "you may not make a file in its folder: choose another"
    case .fileNameTooLong: "a socket's path has 107 bytes at most: choose a shorter one"
    default: nil
    }
  }

  /// Has the socket's file removed by a process of its own as soon as this one has ended, however it
  /// ends: for a process that gives up the right to do so itself. To be called before there is a second
  /// thread, and before anything is mapped that must not outlive this process.
  ///
  /// - Throws: `SystemCallError` when there can be no other process.
  public func removeAtEnd() throws(SystemCallError) { try file?.removeAtEnd() }

  /// Removes the socket's file, so that who comes later is told that there is no bridge.
  func removeFile() { file?.remove() }
}

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
      let status: Stat
      do {
        status = try Stat(FileDescriptor(rawValue: opened.rawValue))
      } catch {
        throw SystemCallError(call: "fstat", object: folder, errno: error)
      }
      let isSafe =
        status.permissions.contains(.saveText)
        || status.permissions.isDisjoint(with: [.groupWrite, .otherWrite])
      guard [0, geteuid(), server].contains(status.userID.rawValue), isSafe else {
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
