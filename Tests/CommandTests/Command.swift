// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// The command that was built with this test bundle.
enum Command {
  static let path = CLibraries.command.path

  /// How a run of it ended.
  struct End {
    let code: Int32
    let output: Data
    let errors: String

    var text: String { String(decoding: output, as: UTF8.self) }
  }

  /// Runs it to its end.
  ///
  /// - Parameter environment: what is different from the test's own.
  static func run(_ arguments: [String], environment: [String: String] = [:]) throws -> End {
    let process = Process()
    let (output, errors) = (Pipe(), Pipe())
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let told = DispatchQueue(label: "errors")
    nonisolated(unsafe) var words = Data()
    told.async { words = errors.fileHandleForReading.readDataToEndOfFile() }
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    told.sync {}
    return End(
      code: process.terminationStatus, output: data, errors: String(decoding: words, as: UTF8.self))
  }
}
