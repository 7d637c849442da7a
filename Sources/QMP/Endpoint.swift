// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// Where QEMU is to be found.
enum Endpoint: Sendable {
  /// A Unix socket's path, and who must serve it, if that is known.
  case path(String, servedBy: RunningProcess?)
  /// A connected socket, which whoever takes the endpoint closes.
  case socket(Int32)

  /// For an endpoint that nobody takes.
  func close() {
    if case .socket(let fd) = self { _ = OwnedFileDescriptor(owning: fd) }
  }

  /// socket(2), a Unix stream that does not block.
  static func makeSocket(_ path: String) throws(SystemCallError) -> OwnedFileDescriptor {
    let fd = try SystemCall.make("socket", on: path) { vgpu_unix_socket() }
    return OwnedFileDescriptor(owning: Int32(fd))
  }

  /// connect(2).
  ///
  /// - Returns: false where QEMU's queue of clients is full (EAGAIN); try again later.
  static func connect(
    _ fd: Int32, to path: String, servedBy server: RunningProcess?
  ) throws(SystemCallError) -> Bool {
    do {
      try SystemCall.make("connect", on: path) { vgpu_unix_connect(fd, path) }
    } catch {
      if error.errno == .resourceTemporarilyUnavailable { return false }
      throw error.advisedForQMP
    }
    if let server { try check(fd, path, isServedBy: server) }
    return true
  }

  /// SO_PEERCRED: who has called listen(2). A command line can name a socket of another guest's.
  private static func check(
    _ fd: Int32, _ path: String, isServedBy server: RunningProcess
  ) throws(SystemCallError) {
    var user: UInt32 = 0
    var group: UInt32 = 0
    var process: Int32 = 0
    try SystemCall.make("getsockopt(SO_PEERCRED)", on: path) {
      vgpu_peer(fd, &user, &group, &process)
    }
    // The number is the server's own as long as it has not ended.
    guard process == server.pid, !server.hasEnded else {
      throw SystemCallError(
        call: "connect", object: path, errno: .permissionDenied,
        remedy: "process \(process) serves it, and not process \(server.pid), which names it")
    }
  }
}
