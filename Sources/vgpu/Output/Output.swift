// SPDX-License-Identifier: Apache-2.0

import ErrorKinds
import Guests
import LinuxSystem
import SafeText
import SystemPackage

/// Standard output, for people and programs: what this module prints goes through here, not through
/// the standard library's function of the same name. So it does nothing to a terminal, and a result
/// that is lost is an error.
///
/// - Throws: `Failure` when it cannot be written, as on a full disk.
func print(_ text: some CustomStringConvertible, terminator: String = "\n") throws {
  try OutputFile.write(Array((PlainText.lines(text.description) + terminator).utf8), to: "-")
}

/// Where a command speaks to the person; its result goes to standard output.
enum StandardError {
  /// Writes a message of the program's own, with whatever others say in it.
  static func write(_ text: String) { draw(PlainText.paragraph(text) + "\n") }

  /// Says what a window or a picture lacks.
  static func warn(_ guest: OpenGuest) {
    guard let obstacle = guest.vGPUObstacle else { return }
    write("vgpu: \(obstacle); this shows only what QEMU itself draws, not the vGPU")
  }

  /// Writes what may move the cursor: nothing of others.
  static func draw(_ text: String) {
    // Nobody is left to be told that it cannot be told.
    _ = try? FileDescriptor.standardError.writeAll(Array(text.utf8))
  }
}

/// Where a command's result goes: a file, or standard output for `-`.
enum OutputFile {
  static func write(_ bytes: [UInt8], to path: String) throws {
    guard path != "-" else { return try writeToStandardOutput(bytes) }
    do {
      let output = try FileDescriptor.open(
        FilePath(path), .writeOnly, options: [.create, .truncate, .closeOnExec],
        permissions: [.ownerReadWrite, .groupRead, .otherRead])
      _ = try output.closeAfter { try output.writeAll(bytes) }
    } catch let error as Errno {
      throw Failure(
        "\(path): cannot be written: \(error); choose a folder that exists and is yours",
        SystemCallError(call: "open", object: path, errno: error).errorClass)
    }
  }

  private static func writeToStandardOutput(_ bytes: [UInt8]) throws {
    do {
      _ = try FileDescriptor.standardOutput.writeAll(bytes)
    } catch let error as Errno {
      throw Failure(
        "standard output: cannot be written: \(error); send it to a file or a program that has room"
      )
    }
  }
}

/// An error of the command's own: object, cause, remedy.
struct Failure: ClassifiedError, CustomStringConvertible {
  let description: String
  let errorClass: ErrorClass

  init(_ description: String, _ errorClass: ErrorClass = .other) {
    self.description = description
    self.errorClass = errorClass
  }
}
