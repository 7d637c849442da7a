// SPDX-License-Identifier: Apache-2.0

import SafeText
import SystemPackage

/// Standard output, for people and programs: what this module prints goes through here, not through
/// the standard library's function of the same name, and so does nothing to a terminal.
func print(_ text: some CustomStringConvertible, terminator: String = "\n") {
  Swift.print(PlainText.lines(text.description), terminator: terminator)
}

/// Where a command speaks to the person; its result goes to standard output.
enum StandardError {
  /// Writes a message of the program's own, with whatever others say in it.
  static func write(_ text: String) { draw(PlainText.paragraph(text) + "\n") }

  /// Writes what may move the cursor: nothing of others.
  static func draw(_ text: String) {
    // Nobody is left to be told that it cannot be told.
    _ = try? FileDescriptor.standardError.writeAll(Array(text.utf8))
  }
}

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

/// An error of the tool's own, as the user reads it: object, cause, remedy.
struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
