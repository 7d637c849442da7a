// SPDX-License-Identifier: Apache-2.0

import SystemPackage

/// Files that are read or written as a whole.
enum SmallFile {
  /// - Throws: `Errno`; EFBIG for more than `limit` bytes.
  static func read(_ path: String, limit: Int) throws -> [UInt8] {
    // O_NONBLOCK: whatever lies there must not hang.
    let file = try FileDescriptor.open(
      FilePath(path), .readOnly, options: [.closeOnExec, .nonBlocking])
    return try file.closeAfter {
      var bytes: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
        if count == 0 { return bytes }
        bytes += buffer[..<count]
        if bytes.count > limit { throw Errno.fileTooLarge }
      }
    }
  }

  /// Makes a new file that only its owner can read.
  ///
  /// - Throws: `Errno`; EEXIST when there is one.
  static func create(_ path: String, _ bytes: [UInt8]) throws {
    let file = try FileDescriptor.open(
      FilePath(path), .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
      permissions: .ownerReadWrite)
    _ = try file.closeAfter { try file.writeAll(bytes) }
  }
}
