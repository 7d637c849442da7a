// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// Where QEMU is to be found.
enum Endpoint: Sendable {
  /// A Unix socket's path.
  case path(String)
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
  static func connect(_ fd: Int32, to path: String) throws(SystemCallError) -> Bool {
    do {
      try SystemCall.make("connect", on: path) { vgpu_unix_connect(fd, path) }
      return true
    } catch {
      if error.errno == .resourceTemporarilyUnavailable { return false }
      throw error.advisedForQMP
    }
  }
}
