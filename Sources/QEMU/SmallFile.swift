// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// Functions that read or write a whole file.
enum SmallFile {
  /// - Throws: `Errno`; EFBIG for more than `limit` bytes.
  static func read(_ path: String, limit: Int) throws -> [UInt8] {
    let bytes: [UInt8]
    do {
      // O_NONBLOCK, because the open must not hang when the path is a pipe or a device.
      let file = try OwnedFileDescriptor.open(path, flags: O_RDONLY | O_NONBLOCK)
      bytes = try file.readAll(limit: limit + 1, of: path)
    } catch {
      throw error.errno
    }
    guard bytes.count <= limit else { throw Errno.fileTooLarge }
    return bytes
  }

  /// Makes a new file that only its owner can read.
  ///
  /// - Throws: `Errno`; EEXIST when the file exists.
  static func create(_ path: String, _ bytes: [UInt8]) throws {
    let file = try FileDescriptor.open(
      FilePath(path), .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
      permissions: .ownerReadWrite)
    _ = try file.closeAfter { try file.writeAll(bytes) }
  }
}
