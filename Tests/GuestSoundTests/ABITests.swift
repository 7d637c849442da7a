// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The declarations of libpulse's ABI, beside libpulse's own headers.
@Suite(.needs("libpulse-dev", if: FileManager.default.fileExists(atPath: "/usr/include/pulse")))
struct ABITests {
  private func facts(_ options: String...) throws -> String {
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Programs/abi.c").path
    let program = "\(NSTemporaryDirectory())/pulse-abi-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: program) }
    let compiled = try Program.run(
      ["cc", "-std=gnu11", "-Wall", "-Werror"] + options + [source, "-o", program])
    try #require(compiled.code == 0, "\(compiled.text)")
    return try Program.run([program]).text
  }

  @Test func declarationsAreLibpulses() throws {
    let ours = try facts("-I\(CLibraries.package.appendingPathComponent("Sources/CPulse").path)")
    #expect(try ours == facts("-DTHEIRS"))
    #expect(ours.split(separator: "\n").count == 35)
  }
}
