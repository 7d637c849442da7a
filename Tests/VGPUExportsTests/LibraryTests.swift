// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestPatterns
import TestSupport
import Testing

/// The library as a file: what it exports, and what programs in other languages make of it.
@Suite final class LibraryTests {
  private let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("c-\(UUID().uuidString)")

  init() throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  private static func path(_ relative: String) -> String {
    CLibraries.package.appendingPathComponent(relative).path
  }

  private static let compilers = [
    ["cc", "-std=c99", "-xc"], ["cc", "-std=c17", "-xc"], ["c++", "-std=c++11", "-xc++"],
    ["c++", "-std=c++20", "-xc++"],
  ]

  @Test(arguments: ["vgpu.h", "vgpu-gtk3.h"], compilers)
  func headerIsPlain(_ header: String, _ compiler: [String]) throws {
    let toolkit = try Program.run(["pkg-config", "--cflags", "gtk+-3.0"]).text
      .split(whereSeparator: \.isWhitespace).map(String.init)
    let answer = try Program.run(
      compiler + ["-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
        + (header == "vgpu.h" ? [] : toolkit) + [Self.path("Sources/CVGPU/vgpu/\(header)")])
    #expect(answer.code == 0, "\(answer.text)")
  }

  /// The functions that a header declares, comments left out.
  private static func declared(in header: String) throws -> Set<String> {
    let text = try String(contentsOfFile: path("Sources/CVGPU/vgpu/\(header)"), encoding: .utf8)
    let code = text.replacing(/\/\*(.|\n)*?\*\//, with: "")
    return Set(code.matches(of: /\b(vgpu_[a-z0-9_]+)\s*\(/).map { String($0.1) })
  }

  @Test(arguments: [
    ("libvgpu.so.0", "vgpu.h", "VGPU_0"), ("libvgpu-gtk3.so.0", "vgpu-gtk3.h", "VGPU_GTK3_0"),
  ])
  func exportsAreTheHeader(library: String, header: String, version: String) throws {
    let path = "\(try CLibraries.folder())/\(library)"
    let symbols = try Program.run(["nm", "-D", "--defined-only", path])
    #expect(symbols.code == 0, "\(symbols.text)")
    // `0000 T name@@VERSION`; the version itself is a symbol too.
    let names = symbols.text.split(separator: "\n").compactMap { $0.split(separator: " ").last }
      .map(String.init).filter { $0 != version }
    let declared = try Self.declared(in: header)
    #expect(declared.count > 3)
    #expect(Set(names) == Set(declared.map { "\($0)@@\(version)" }))

    let dynamic = try Program.run(["readelf", "-d", path])
    #expect(dynamic.text.contains("soname: [\(library)]"))
    #expect(!dynamic.text.lowercased().contains("libswift"), "needs Swift installed")
    #expect(!dynamic.text.contains("RUNPATH") && !dynamic.text.contains("RPATH"))
  }

  /// What a program was linked with, and the structures that it was compiled with, are there still.
  @Test func abiIsTheListedOne() throws {
    let answer = try Program.run([Self.path("Scripts/c-abi"), try CLibraries.folder()])
    #expect(answer.code == 0, "\(answer.text)")
  }

  /// Compiles one of the examples in C.
  private func compile(_ name: String) throws -> String {
    let program = folder.appendingPathComponent(name).path
    let answer = try Program.run([
      "cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", CLibraries.headers,
      Self.path("Examples/C/\(name).c"), "-L\(try CLibraries.folder())", "-lvgpu", "-o", program,
    ])
    try #require(answer.code == 0, "\(answer.text)")
    return program
  }

  private func run(_ words: [String]) throws -> (code: Int32, text: String) {
    try Program.run(words, environment: ["LD_LIBRARY_PATH": try CLibraries.folder()])
  }

  /// Has a program save the demo's picture, and refuse what is no guest.
  private func expectSaving(_ program: [String]) throws {
    let file = folder.appendingPathComponent("frame.ppm").path
    let saved = try run(program + ["demo", file])
    try #require(saved.code == 0, "\(saved.text)")
    try SavedFrame(file).expect(TestPattern(width: 1024, height: 768, live: .full))

    let refused = try run(program + ["pid:\(getpid())", file])
    #expect(refused.code == 1)
    #expect(refused.text.contains("pid:\(getpid()): the process holds no VFIO device"))
  }

  @Test func exampleInC() throws { try expectSaving([try compile("save-frame")]) }

  @Test func exampleInPython() throws {
    try expectSaving(["python3", Self.path("Examples/Python/save_frame.py")])
  }

  @Test func exampleInSwift() throws {
    try expectSaving([CLibraries.products.appendingPathComponent("save-frame").path])
  }
}
