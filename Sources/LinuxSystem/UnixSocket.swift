// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import SystemPackage

/// Connecting to a Unix stream socket of a path, which another process may have named.
package enum UnixSocket {
  /// Makes a stream socket that does not block (socket(2)).
  ///
  /// - Throws: `SystemCallError` on `path`.
  package static func make(for path: String) throws(SystemCallError) -> OwnedFileDescriptor {
    let fd = try SystemCall.make("socket", on: path) { vgpu_unix_socket() }
    return OwnedFileDescriptor(owning: Int32(fd))
  }

  /// connect(2).
  ///
  /// - Returns: false when the queue of clients is full (EAGAIN); the caller tries again later.
  /// - Throws: `SystemCallError` on `path`.
  package static func connect(_ fd: Int32, to path: String) throws(SystemCallError) -> Bool {
    do {
      try SystemCall.make("connect", on: path) { vgpu_unix_connect(fd, path) }
      return true
    } catch {
      guard error.errno == .resourceTemporarilyUnavailable else { throw error }
      return false
    }
  }

  /// Why this user cannot connect to a socket, as far as its file tells; `nil` when the user may. It calls
  /// faccessat(2) with the effective ids and makes no connection, because QEMU serves one client at a time.
  package static func obstacle(toConnectTo path: String) -> SystemCallError? {
    guard faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0 else { return nil }
    return SystemCallError(call: "faccessat", object: path, errno: Errno(rawValue: errno))
  }

  /// The process that called listen(2) on a connected socket's other end (SO_PEERCRED).
  ///
  /// - Throws: `SystemCallError` on `path`.
  package static func listener(of fd: Int32, _ path: String) throws(SystemCallError) -> Int32 {
    var user: UInt32 = 0
    var group: UInt32 = 0
    var process: Int32 = 0
    try SystemCall.make("getsockopt(SO_PEERCRED)", on: path) {
      vgpu_peer(fd, &user, &group, &process)
    }
    return process
  }

  /// Checks that `server` called listen(2) on the socket, because a command line can name another guest's
  /// socket.
  ///
  /// - Throws: `SystemCallError` on `path`; EACCES when another process did.
  package static func check(
    _ fd: Int32, _ path: String, isServedBy server: RunningProcess
  ) throws(SystemCallError) {
    let process = try listener(of: fd, path)
    // The process number belongs to the server only while the server has not ended.
    guard process == server.pid, !server.hasEnded else {
      throw SystemCallError(
        call: "connect", object: path, errno: .permissionDenied,
        remedy: """
          the command line of process \(server.pid) names it, but process \(process) serves it
          """)
    }
  }
}
