// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import SystemPackage

/// The output of a guest's QEMU and serial ports: a file that outlives the guest and is emptied at
/// each start.
struct GuestLog: ~Copyable, Sendable {
  let path: String
  let descriptor: OwnedFileDescriptor

  init(_ identity: String, in folders: GuestFolders) throws(GuestError) {
    let path = "\(try folders.state())/\(identity).log"
    descriptor = try Self.open(path)
    self.path = path
  }

  private static func open(_ path: String) throws(GuestError) -> OwnedFileDescriptor {
    do {
      return OwnedFileDescriptor(
        owning: try FileDescriptor.open(
          FilePath(path), .readWrite, options: [.create, .truncate, .append, .closeOnExec],
          permissions: .ownerReadWrite
        ).rawValue)
    } catch {
      throw .file(
        path, reason: "cannot be written: \(error); set XDG_STATE_HOME to a folder of yours")
    }
  }

  /// The last lines of output, a few at most.
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
