// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A program of the system's that a command leaves work to.
struct SystemProgram {
  /// Its name, which errors begin with.
  let name: String
  private let path: String

  /// Looks for a program where administrators' programs are, which is not always in an ordinary
  /// user's `PATH`.
  ///
  /// - Parameter purpose: what needs it, for the error of one that is not there.
  init(_ name: String, neededFor purpose: String) throws {
    guard let program = Self(name) else {
      throw Failure(
        "\(name): not installed, and \(purpose) needs it; install it (Debian: apt install \(name))")
    }
    self = program
  }

  /// The same, `nil` where it is not installed.
  init?(_ name: String) {
    let usual = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"]
    guard
      let path = usual.map({ "\($0)/\(name)" })
        .first(where: { FileManager.default.isExecutableFile(atPath: $0) })
    else { return nil }
    self.name = name
    self.path = path
  }

  /// Runs it to its end.
  ///
  /// - Returns: what it printed.
  /// - Throws: `Failure` with its own reason where it does not end with code 0.
  func run(_ arguments: String...) throws -> Data {
    // Not a second pipe: whoever reads two in turn can wait for ever.
    let complaints = FileManager.default.temporaryDirectory
      .appendingPathComponent("vgpu-\(UUID().uuidString)")
    guard
      FileManager.default.createFile(
        atPath: complaints.path, contents: nil, attributes: [.posixPermissions: 0o600]),
      let errors = FileHandle(forUpdatingAtPath: complaints.path)
    else {
      throw Failure("\(complaints.path): cannot be written; make room there, or set TMPDIR")
    }
    try? FileManager.default.removeItem(at: complaints)
    let output = Pipe()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    do {
      try process.run()
    } catch {
      throw Failure("\(path): cannot be started; install it anew")
    }
    let printed = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      try? errors.seek(toOffset: 0)
      let text = String(decoding: errors.readDataToEndOfFile(), as: UTF8.self)
      let lines = text.split(whereSeparator: \.isNewline).map {
        $0.hasPrefix("Error: ") ? $0.dropFirst(7) : $0
      }
      let reason = lines.joined(separator: "; ")
      throw Failure(
        "\(name) \(arguments.joined(separator: " ")): "
          + (reason.isEmpty ? "ended with code \(process.terminationStatus)" : reason))
    }
    return printed
  }
}
