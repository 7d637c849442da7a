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
    try expectPlain("Sources/CVGPU/vgpu/\(header)", compiler, usesGTK: header != "vgpu.h")
  }

  /// Whoever writes C++ copies the examples as they are.
  @Test(arguments: ["save-frame.c", "run-guest.c", "viewer.c"], compilers)
  func exampleIsPlain(_ example: String, _ compiler: [String]) throws {
    try expectPlain(
      "Examples/C/\(example)", compiler + [CLibraries.headers], usesGTK: example == "viewer.c")
  }

  private func expectPlain(_ file: String, _ compiler: [String], usesGTK: Bool) throws {
    let toolkit = try Program.run(["pkg-config", "--cflags", "gtk+-3.0"]).text
      .split(whereSeparator: \.isWhitespace).map(String.init)
    let answer = try Program.run(
      compiler + ["-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
        + (usesGTK ? toolkit : []) + [Self.path(file)])
    #expect(answer.code == 0, "\(answer.text)")
  }

  /// The functions that a header and the parts that it includes declare, without comments and without the
  /// functions that programs compile in.
  private static func declared(in header: String) throws -> Set<String> {
    let text = try String(contentsOfFile: path("Sources/CVGPU/vgpu/\(header)"), encoding: .utf8)
    let code = text.replacing(/\/\*(.|\n)*?\*\//, with: "")
      .replacing(/static inline [^{}]*\{([^{}]|\{[^{}]*\})*\}/, with: "")
    return try code.matches(of: /#include "(vgpu-.*\.h)"/).reduce(
      into: Set(code.matches(of: /\b(vgpu_[a-z0-9_]+)\s*\(/).map { String($0.1) })
    ) { $0.formUnion(try declared(in: String($1.1))) }
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
    // What libvgpu-gtk3 of the same build uses is nobody else's.
    let isPrivate = { (name: String) in name.hasSuffix("@@VGPU_PRIVATE") }
    #expect(Set(names.filter { !isPrivate($0) }) == Set(declared.map { "\($0)@@\(version)" }))
    #expect(names.contains(where: isPrivate) == (library == "libvgpu.so.0"))

    let dynamic = try Program.run(["readelf", "-d", path])
    #expect(dynamic.text.contains("soname: [\(library)]"))
    // One runtime serves both.
    #expect(dynamic.text.contains("Shared library: [libvgpu.so.0]") == (library != "libvgpu.so.0"))
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

  /// It starts a QEMU without a vGPU, tells what it sees, and ends with QEMU.
  @Test(.needs("qemu-system-x86_64")) func exampleOfAGuestInC() throws {
    let program = try compile("run-guest")
    let script = #"""
      "$1" none -nodefaults -S >"$2/out" 2>&1 & until grep -q ^connected "$2/out"; do
        kill -0 $! || { cat "$2/out"; exit 1; }
        sleep 0.1
      done
      kill -INT $!
      kill "$(sed -n 's/^pid:\([0-9]*\),.*/\1/p' "$2/out")"
      wait $!; code=$?; cat "$2/out"; exit $code
      """#
    let answer = try Program.run(
      ["bash", "-c", script, "bash", program, folder.path],
      environment: [
        "LD_LIBRARY_PATH": try CLibraries.folder(), "XDG_STATE_HOME": folder.path,
        "XDG_RUNTIME_DIR": folder.path,
      ])
    #expect(answer.code == 0, "\(answer.text)")
    #expect(answer.text.contains("\nshutdown 0 host-signal\n"), "\(answer.text)")
    #expect(answer.text.contains("log: \(folder.path)/vgpu/run-guest.log\n"))
    let refused = try run([program, "no-type"])
    #expect(refused.code == 1 && refused.text.hasPrefix("run-guest: "), "\(refused.text)")
  }

  @Test(.needs("rustc")) func exampleInRust() throws {
    let program = folder.appendingPathComponent("save_frame").path
    let answer = try Program.run([
      "rustc", "-O", "--edition", "2021", "-D", "warnings",
      Self.path("Examples/Rust/save_frame.rs"),
      "-L", try CLibraries.folder(), "-o", program,
    ])
    try #require(answer.code == 0, "\(answer.text)")
    try expectSaving([program])
  }

  /// asyncio waits for the source's descriptor.
  @Test func exampleWithAsyncio() throws {
    let program = ["python3", Self.path("Examples/Python/watch.py")]
    let watched = try run(program + ["demo", "5"])
    let flips = watched.text.matches(of: /flip (\d+): buffer \d+ at [0-9.]+ s\n/)
      .compactMap { Int($0.1) }
    #expect(watched.code == 0 && flips.last.map { $0 >= 5 } == true, "\(watched.text)")
    #expect(flips == flips.sorted() && Set(flips).count == flips.count)
    let refused = try run(program + ["pid:\(getpid())"])
    #expect(refused.code == 1 && refused.text.contains("holds no VFIO device"), "\(refused.text)")
  }

  @Test func exampleInPython() throws {
    try expectSaving(["python3", Self.path("Examples/Python/save_frame.py")])
  }

  @Test func exampleInSwift() throws {
    try expectSaving([CLibraries.products.appendingPathComponent("save-frame").path])
  }
}
