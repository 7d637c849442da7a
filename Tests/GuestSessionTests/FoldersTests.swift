// SPDX-License-Identifier: Apache-2.0

import Foundation
import GuestSession
import Testing

/// Folders that were there before a guest, or not.
@Suite struct FoldersTests {
  private func mode(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
  }

  @Test func missingFoldersAreMade() throws {
    try TestFolder.with { (folder) throws in
      let folders = GuestFolders.at(state: "\(folder)/state", sockets: "\(folder)/sockets")
      #expect(try folders.state() == "\(folder)/state")
      #expect(try folders.sockets() == "\(folder)/sockets")
      #expect(try mode("\(folder)/state") == 0o700)
      #expect(try mode("\(folder)/sockets") == 0o700)
    }
  }

  @Test(arguments: [0o755, 0o750, 0o700]) func ownFolderIsClosedToOthers(before: Int) throws {
    try TestFolder.with { folder in
      let own = "\(folder)/own"
      try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
      try #require(chmod(own, mode_t(before)) == 0)
      #expect(try GuestFolders.at(state: own, sockets: own).sockets() == own)
      #expect(try mode(own) == 0o700)
    }
  }

  @Test func folderOfOthersIsRefused() throws {
    try TestFolder.with { folder in
      let own = "\(folder)/own"
      let folders = GuestFolders.at(state: own, sockets: own)
      func refuses(_ reason: String) throws {
        let error = try #require(throws: GuestError.self) { try folders.state() }
        #expect("\(error)".hasPrefix("\(own): \(reason)"), "\(error)")
        #expect(throws: GuestError.self) { try folders.sockets() }
        try FileManager.default.removeItem(atPath: own)
      }
      try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
      try #require(chmod(own, 0o777) == 0)
      try refuses("other users may write to it")
      try FileManager.default.createSymbolicLink(atPath: own, withDestinationPath: folder)
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

/// A folder of a test's own, gone after it. Its path is short, because sockets lie in it.
enum TestFolder {
  static func during<Result>(
    _ body: (String) async throws -> Result, isolation: isolated (any Actor)? = #isolation
  ) async throws -> Result {
    let folder = try make()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try await body(folder)
  }

  static func with<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = try make()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
  }

  private static func make() throws -> String {
    let folder = "/tmp/vgpu-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    return folder
  }
}
