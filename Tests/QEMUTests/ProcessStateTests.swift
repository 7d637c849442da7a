// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What `vgpu` was started with.
@Suite struct ProcessStateTests {
  /// A file that the program opens must not become its standard input or output.
  @Test func closedStandardDescriptorsAreOpened() async throws {
    let folder = URL(fileURLWithPath: "/tmp/vgpu-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(at: folder) }
    let socket = folder.appendingPathComponent("s").path
    let bridge = Process()
    bridge.executableURL = URL(fileURLWithPath: "/bin/sh")
    bridge.arguments = [
      "-c", "exec \"$0\" bridge --socket \"$1\" demo <&- >&- 2>&-", Printed.vgpu.path, socket,
    ]
    try bridge.run()
    defer {
      bridge.terminate()
      bridge.waitUntilExit()
    }
    try await eventually { FileManager.default.fileExists(atPath: socket) }
    for number in 0...2 {
      #expect(
        try FileManager.default.destinationOfSymbolicLink(
          atPath: "/proc/\(bridge.processIdentifier)/fd/\(number)") == "/dev/null")
    }
  }

  /// What of the user's folders is unfit is an error with the variable that names them.
  @Test func folderOfOthersIsRefused() throws {
    try Printed.withFolder { folder in
      let own = folder.appendingPathComponent("vgpu").path
      try Data().write(to: URL(fileURLWithPath: own))
      let answer = try Printed.run(
        Printed.vgpu.path,
        ["run", "--print", "--vgpu", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"], in: folder)
      #expect(answer.code == 1)
      #expect(answer.errors.contains("\(own): cannot be made or entered"), "\(answer.errors)")
      #expect(answer.errors.contains("set XDG_RUNTIME_DIR to a folder of yours"))
    }
  }
}
