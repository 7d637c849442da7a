// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite struct SignpostTests {
  /// Beside the test bundle, wherever that was started from.
  private func program() throws -> String {
    let folders = [Bundle.main.bundleURL, URL(fileURLWithPath: CommandLine.arguments[0])]
    return try #require(
      folders.flatMap { [$0, $0.deletingLastPathComponent()] }
        .map { $0.appendingPathComponent("vgpu").path }
        .first {
          var isFolder: ObjCBool = false
          return FileManager.default.fileExists(atPath: $0, isDirectory: &isFolder)
            && !isFolder.boolValue
        })
  }

  @Test(.needs("readelf"))
  func tracersFindEveryStep() throws {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: try #require(Program.path(of: "readelf")))
    process.arguments = ["--notes", try program()]
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let text = String(
      decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    let lines = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    let names = lines.indices.filter { lines[$0] == "Provider: vgpu" && $0 + 1 < lines.count }
      .map { lines[$0 + 1] }
    #expect(
      Set(names)
        == Set(
          ["query", "new_frame", "import", "draw", "commit", "present"].map { "Name: \($0)" }))
  }
}
