// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem
import SystemPackage

/// The socket that a bridge's clients connect to.
public struct BridgeListener: ~Copyable {
  let socket: OwnedFileDescriptor
  /// The socket's path; `nil` where somebody else has bound it.
  public let path: String?

  /// Makes a socket at a path (socket(2), bind(2), listen(2)). One that nobody serves any more is
  /// replaced. Everybody may connect; who is answered is the policies' affair.
  ///
  /// - Throws: `SystemCallError`, with EADDRINUSE when another bridge serves there.
  public init(path: String) throws(SystemCallError) {
    let number = try SystemCall.make("socket", on: path) { vgpu_packet_socket() }
    let socket = OwnedFileDescriptor(owning: Int32(number))
    let fd = socket.rawValue
    var answer = SystemCall.uninterrupted { vgpu_unix_listen(fd, path) }
    if answer < 0, SystemCall.errno(answer) == .addressInUse {
      try Self.removeStale(path)
      answer = SystemCall.uninterrupted { vgpu_unix_listen(fd, path) }
    }
    do {
      try SystemCall.make("bind", on: path) { answer }
    } catch {
      throw error.advising(Self.remedy(error.errno))
    }
    self.socket = socket
    self.path = path
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
    self.socket = socket
    path = nil
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

  /// A socket file outlives its server. Only one that refuses connections is removed.
  private static func removeStale(_ path: String) throws(SystemCallError) {
    let number = try SystemCall.make("socket", on: path) { vgpu_packet_socket() }
    let probe = OwnedFileDescriptor(owning: Int32(number))
    // A file of any other kind refuses connections too.
    var file = stat()
    let isSocket = lstat(path, &file) == 0 && file.st_mode & UInt32(S_IFMT) == UInt32(S_IFSOCK)
    guard isSocket,
      SystemCall.errno(vgpu_unix_connect(probe.rawValue, path)) == .connectionRefused
    else {
      throw SystemCallError(
        call: "bind", object: path, errno: .addressInUse,
        remedy: "another bridge serves there, or it is no bridge's socket: give another --socket")
    }
    try SystemCall.make("unlink", on: path) { Int(unlink(path)) < 0 ? -Int(vgpu_last_errno()) : 0 }
  }

  /// Removes the socket's file, so that who comes later is told that there is no bridge.
  func removeFile() {
    if let path { _ = unlink(path) }
  }
}
