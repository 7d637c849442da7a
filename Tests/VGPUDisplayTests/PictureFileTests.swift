// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import Testing
import VGPUDisplay

@testable import PNGFile

/// Pictures that are saved under names of their own.
@Suite struct PictureFileTests {
  private let picture = Picture(width: 2, height: 1, rgb: [1, 2, 3, 254, 255, 0])

  private func withFolder(_ body: (FilePath) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "pictures-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(FilePath(folder.path))
  }

  private func names(_ folder: FilePath) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.string).sorted()
  }

  @Test(arguments: [
    ("demo", "demo"), ("", "guest"), ("../../etc/passwd", ".._.._etc_passwd"),
    ("-rf *\n\u{1B}[2J", "-rf_____2J"), ("ä b", "__b"),
    (String(repeating: "x", count: 500), String(repeating: "x", count: 64)),
  ])
  func nameIsNoPathAndNeedsNoQuotes(guest: String, expected: String) throws {
    let picture = try #require(picture)
    try withFolder { folder in
      let path = try PictureFile.save(picture, of: guest, in: [folder], at: 0)
      let name = try #require(path.lastComponent?.string)
      #expect(try names(folder) == [name])
      #expect(path.removingLastComponent() == folder)
      let time = name.dropFirst("vgpu-\(expected)-".count).dropLast(".png".count)
      #expect(name == "vgpu-\(expected)-\(time).png")
      #expect(
        time.count == "1970-01-01-000000".count && time.allSatisfy { $0.isNumber || $0 == "-" })
    }
  }

  @Test func noFileIsOverwritten() throws {
    let picture = try #require(picture)
    try withFolder { folder in
      let paths = try (1...100).map { _ in
        try PictureFile.save(picture, of: "a", in: [folder], at: 0)
      }
      #expect(Set(paths).count == 100)
      #expect(paths[1].string.hasSuffix("-2.png"))
      for path in paths {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path.string))
        #expect(try PNG.decode([UInt8](bytes)) == picture)
      }
      let error = #expect(throws: PictureFileError.self) {
        try PictureFile.save(picture, of: "a", in: [folder], at: 0)
      }
      #expect(error == .notWritten(paths[0], .fileExists))
    }
  }

  @Test func nextFolderIsTriedAndTheBestOnesDefectTold() throws {
    let picture = try #require(picture)
    try withFolder { folder in
      let missing = folder.appending("missing")
      let path = try PictureFile.save(picture, of: "a", in: [missing, folder], at: 0)
      #expect(path.removingLastComponent() == folder)
      let error = #expect(throws: PictureFileError.self) {
        try PictureFile.save(picture, of: "a", in: [missing, folder.appending("other")], at: 0)
      }
      guard case .notWritten(let tried, .noSuchFileOrDirectory) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(tried.removingLastComponent() == missing)
      #expect(try names(folder).count == 1)
    }
  }
}
