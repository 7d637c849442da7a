// SPDX-License-Identifier: Apache-2.0

import CLinux
import CProcess
public import LinuxSystem
import SystemPackage

/// The socket that a bridge's clients connect to. The file that it made is removed with this value.
public struct BridgeListener: ~Copyable {
  let socket: Int32
  /// The socket's path; `nil` when another program has bound it.
  public let path: String?
  private let file: SocketFile?

  /// Makes a socket at a path (socket(2), bind(2), listen(2)), and replaces a socket that nobody
  /// serves any more. Everybody may connect; `AccessPolicy` decides who gets answers.
  ///
  /// - Parameters:
  ///   - path: the socket's path. Each folder and link on it must belong to root, this user or
  ///     `server`, and others may write to a folder only when it is sticky.
  ///   - server: the user who serves the socket later, when that is another user.
  /// - Throws: `SystemCallError`: with EADDRINUSE when another bridge serves there, with EACCES and
  ///   the folder when others could change that folder.
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
    // Connections that were not accepted may hold descriptors whose closing takes long. When there
    // is no thread to close them, they end with the process.
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

  /// Starts a process that removes the socket's file as soon as this process has ended for any
  /// reason. This is for a process that gives up the right to remove the file. Call it before there
  /// is a second thread, and before anything is mapped that must not outlive this process.
  ///
  /// - Throws: `SystemCallError` when there can be no other process.
  public func removeAtEnd() throws(SystemCallError) { try file?.removeAtEnd() }

  /// Removes the socket's file, so that later clients find no bridge.
  func removeFile() { file?.remove() }
}

/// The file of a socket that this process has bound.
final class SocketFile {
  private let place: Place
  private let file: vgpu_file
  /// The file is removed only once, because another bridge's file can have the same number later.
  private var isRemoved = false
  /// The remover waits until this descriptor is closed, which is the end of this process.
  private var remover: OwnedFileDescriptor?

  private init(_ place: consuming Place, _ file: vgpu_file) {
    self.place = place
    self.file = file
  }

  /// unlinkat(2), when the file is still there and this process may remove it.
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

  /// A name in a folder in which nobody else can exchange the file.
  struct Place: ~Copyable {
    let path: String
    let name: String
    /// Opened with O_PATH, so that it stays the same folder.
    let folder: OwnedFileDescriptor

    init(path: String, servedBy server: UInt32?) throws(SystemCallError) {
      let parts = path.split(separator: "/", omittingEmptySubsequences: true)
      guard let name = parts.last, !path.hasSuffix("/") else {
        throw SystemCallError(
          call: "bind", object: path, errno: .isDirectory, remedy: "name a file in a folder")
      }
      let prefix = path.dropLast(name.count)
      let folder = prefix.isEmpty ? "." : String(prefix)
      var trusted: Set<UInt32> = [0, geteuid()]
      if let server { trusted.insert(server) }
      try SafePath(trusted: trusted).check(folder)
      let opened = try OwnedFileDescriptor.open(folder, flags: vgpu_O_PATH | O_DIRECTORY)
      self.path = path
      self.name = String(name)
      self.folder = opened
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

    /// A socket's file outlives a server that was killed. Only a socket that refuses connections is
    /// removed, never a symbolic link to one.
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
          remedy: """
            another bridge uses this path, or its file is no bridge's socket: give another --socket
            """)
      }
      try SystemCall.make("unlinkat", on: path) { vgpu_unlink_socket(fd, name, &found) }
    }
  }
}

/// A path on which only trusted users can exchange a file, a folder or a link for another. A user
/// who could do so could pose as the bridge.
private struct SafePath {
  let trusted: Set<UInt32>

  /// A path with more links counts as a circle, as for the kernel (MAXSYMLINKS).
  private static let mostLinks = 40

  /// Walks a folder's path as the kernel does, from the root down: nobody can exchange a name in a
  /// folder that was found safe, so that the name leads to the same file afterwards.
  func check(_ folder: String) throws(SystemCallError) {
    func parts(_ path: String) -> ReversedCollection<[Substring]> {
      path.split(separator: "/").reversed()
    }
    var rest = Array(parts(folder))
    if !folder.hasPrefix("/") {
      guard let here = FileTree.realPath(of: ".") else {
        throw SystemCallError(call: "realpath", object: folder, errno: .noSuchFileOrDirectory)
      }
      rest += parts(here)
    }
    var place = ""
    var links = 0
    _ = try isLink("/")
    while let part = rest.popLast() {
      if part == "." { continue }
      if part == ".." {
        place = String(place.prefix(upTo: place.lastIndex(of: "/") ?? place.startIndex))
        continue
      }
      let next = "\(place)/\(part)"
      guard try isLink(next) else {
        place = next
        continue
      }
      links += 1
      guard links <= Self.mostLinks, let target = FileTree.linkTarget(of: next) else {
        throw SystemCallError(call: "readlink", object: next, errno: .tooManySymbolicLinkLevels)
      }
      if target.hasPrefix("/") { place = "" }
      rest += parts(target)
    }
  }

  /// Whether a name is a link (lstat(2)). Throws when others could exchange the name, or anything
  /// in it.
  private func isLink(_ path: String) throws(SystemCallError) -> Bool {
    let status: Stat
    do {
      status = try Stat(path, followTargetSymlink: false)
    } catch {
      throw SystemCallError(call: "lstat", object: path, errno: error)
    }
    let isLink = status.type == .symbolicLink
    guard isLink || status.type == .directory else {
      throw SystemCallError(call: "bind", object: path, errno: .notDirectory)
    }
    let user = status.userID.rawValue
    guard trusted.contains(user) else {
      throw refusal(path, "its owner, user \(user), could replace the socket")
    }
    guard
      isLink || status.permissions.contains(.saveText)
        || status.permissions.isDisjoint(with: [.groupWrite, .otherWrite])
    else {
      throw refusal(path, "other users could replace the socket")
    }
    return isLink
  }

  private func refusal(_ path: String, _ reason: String) -> SystemCallError {
    SystemCallError(
      call: "bind", object: path, errno: .permissionDenied,
      remedy:
        "\(reason): choose a path of folders that only you or root can change, or of folders "
        + "with the sticky bit")
  }
}
