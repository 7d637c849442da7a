// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SystemPackage

/// The argument of every command that makes a file.
struct OutputFile: ParsableArguments {
  @Argument(help: "The file; - for standard output.")
  var file: String

  func write(_ bytes: [UInt8]) throws {
    do {
      if file == "-" {
        _ = try FileDescriptor.standardOutput.writeAll(bytes)
        return
      }
      let output = try FileDescriptor.open(
        FilePath(file), .writeOnly, options: [.create, .truncate, .closeOnExec],
        permissions: [.ownerReadWrite, .groupRead, .otherRead])
      _ = try output.closeAfter { try output.writeAll(bytes) }
    } catch let error as Errno {
      throw Failure("\(file): \(error)")
    }
  }
}
