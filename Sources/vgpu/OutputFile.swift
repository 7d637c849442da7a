// SPDX-License-Identifier: Apache-2.0

import SystemPackage

/// Where a command's result goes: a file, or standard output for `-`.
enum OutputFile {
  static func write(_ bytes: [UInt8], to path: String) throws {
    do {
      if path == "-" {
        _ = try FileDescriptor.standardOutput.writeAll(bytes)
        return
      }
      let output = try FileDescriptor.open(
        FilePath(path), .writeOnly, options: [.create, .truncate, .closeOnExec],
        permissions: [.ownerReadWrite, .groupRead, .otherRead])
      _ = try output.closeAfter { try output.writeAll(bytes) }
    } catch let error as Errno {
      throw Failure(
        "\(path): cannot be written: \(error); choose a folder that exists and is yours")
    }
  }
}
