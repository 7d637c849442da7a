// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The declarations of libvirt's ABI, beside libvirt's own headers.
@Suite struct ABITests {
  private func facts(_ options: String...) throws -> String {
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Programs/abi.c").path
    let program = "/tmp/libvirt-abi-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: program) }
    // libvirt marks members of virError as deprecated, which does not matter here.
    let compiled = try Program.run(
      ["cc", "-std=gnu11", "-Wall", "-Werror", "-Wno-deprecated-declarations"] + options
        + [source, "-o", program])
    try #require(compiled.code == 0, "\(compiled.text)")
    return try Program.run([program]).text
  }

  @Test func declarationsAreLibvirts() throws {
    let headers = CLibraries.package.appendingPathComponent("Sources/CLibvirt/include").path
    let ours = try facts("-I\(headers)")
    #expect(try ours == facts("-DTHEIRS"))
    #expect(ours.split(separator: "\n").count == 33)
  }
}
