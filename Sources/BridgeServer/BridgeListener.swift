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
