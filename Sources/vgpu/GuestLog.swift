// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// Where a guest's QEMU says what it has to say: a file that outlives the viewer, begun anew with
/// each start, `IDENTITY.log` in the user's folder for state.
struct GuestLog: ~Copyable {
  let path: String
  let descriptor: OwnedFileDescriptor

  init(_ identity: String) throws {
    let path = "\(try UserFolder.state())/\(identity).log"
    descriptor = try Self.open(path)
    self.path = path
  }

  private static func open(_ path: String) throws -> OwnedFileDescriptor {
    do {
      return OwnedFileDescriptor(
        owning: try FileDescriptor.open(
          FilePath(path), .readWrite, options: [.create, .truncate, .append, .closeOnExec],
          permissions: .ownerReadWrite
        ).rawValue)
    } catch {
      throw Failure("\(path): cannot be written: \(error); set XDG_STATE_HOME to a folder of yours")
    }
  }

  /// What was said last, a few lines at most.
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
