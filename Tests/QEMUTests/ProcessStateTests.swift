// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What `vgpu` was started with, and folders that were there before it.
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

  private func start(in folder: URL) throws -> (code: Int32, errors: String) {
    let answer = try Printed.run(
      Printed.vgpu.path,
      ["run", "--print", "--vgpu", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"], in: folder)
    return (answer.code, answer.errors)
  }

  @Test func ownFolderIsClosedToOthers() throws {
    try Printed.withFolder { folder in
      let own = folder.appendingPathComponent("vgpu").path
      for mode in [0o755, 0o750, 0o700] {
        try FileManager.default.createDirectory(
          atPath: own, withIntermediateDirectories: true)
        try #require(chmod(own, mode_t(mode)) == 0)
        #expect(try start(in: folder).code == 0)
        let found = try FileManager.default.attributesOfItem(atPath: own)[.posixPermissions]
        #expect(found as? Int == 0o700)
      }
    }
  }

  @Test func folderOfOthersIsRefused() throws {
    try Printed.withFolder { folder in
      let own = folder.appendingPathComponent("vgpu").path
      func refuses(_ reason: String) throws {
        let answer = try start(in: folder)
        #expect(answer.code == 1)
        #expect(answer.errors.contains("\(own): \(reason)"), "\(answer.errors)")
        #expect(answer.errors.contains("set XDG_RUNTIME_DIR to a folder of yours"))
        try FileManager.default.removeItem(atPath: own)
      }
      try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
      try #require(chmod(own, 0o777) == 0)
      try refuses("others may write there")
      try FileManager.default.createSymbolicLink(
        atPath: own, withDestinationPath: folder.path)
      try refuses("cannot be made or entered")
      try Data().write(to: URL(fileURLWithPath: own))
      try refuses("cannot be made or entered")
      guard geteuid() == 0 else { return }
      try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
      try #require(chown(own, 65534, 65534) == 0)
      try refuses("belongs to another user")
    }
  }
}
