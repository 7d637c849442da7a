// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing
import VGPUDisplay

/// The widget for C and for Python, in programs on real display servers.
@Suite(.serialized, Screen.isPossible)
final class CWindowTests {
  private let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("c-view-\(UUID().uuidString)")

  init() throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// Compiles a program as its author would, but for where the libraries are.
  private func compile(_ source: URL) throws -> String {
    let program = folder.appendingPathComponent("program").path
    let toolkit = try Program.run(["pkg-config", "--cflags", "--libs", "gtk+-3.0", "x11"]).text
      .split(whereSeparator: \.isWhitespace).map(String.init)
    let answer = try Program.run(
      ["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", CLibraries.headers]
        + [source.path, "-L\(try CLibraries.folder())", "-lvgpu-gtk3", "-lvgpu"] + toolkit
        + ["-lpthread", "-o", program])
    try #require(answer.code == 0, "\(answer.text)")
    return program
  }

  private func start(_ program: String, _ arguments: [String], on screen: Screen) throws -> Tool {
    let others = ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"].map { ":\($0)" } ?? ""
    return try Tool(
      program, arguments, in: folder,
      environment: screen.environment.merging(
        [
          "LD_LIBRARY_PATH": try CLibraries.folder() + others,
          "GI_TYPELIB_PATH": try CLibraries.folder(),
        ]) { $1 })
  }

  /// The demo's picture of 1024x768, one to one in the middle of a view of so many by 600 pixels in
  /// the screen's corner: red and green tell the place, blue the frame. The pointer may be anywhere.
  private func isDemo(_ picture: Picture, width: Int) -> Bool {
    guard picture.width >= width, picture.height >= 600 else { return false }
    var wrong = 0
    for y in 0..<600 {
      for x in 0..<width {
        let color = picture.color(x: x, y: y)
        let there = (UInt32(x + (1024 - width) / 2) & 255) << 8 | (UInt32(y + 84) & 255)
        if color >> 8 != there { wrong += 1 }
      }
    }
    return wrong <= 64 * 64
  }

  @Test func exampleShowsTheGuest() throws {
    let screen = try Screen(.xvfb)
    let program = try compile(
      CLibraries.package.appendingPathComponent("Examples/C/viewer.c"))
    let viewer = try start(program, ["demo"], on: screen)
    try Screen.wait(for: viewer) {
      try screen.picture().map { isDemo($0, width: 800) } ?? false
    }
    // Its title has the view's statistics.
    try Screen.wait(for: viewer) {
      let found = try Tool(
        "xdotool", ["search", "--name", "^1024x768, [1-9][0-9]* frames$"], in: folder,
        environment: screen.environment
      ).finish()
      return found.status == 0
    }
    viewer.terminate()
    _ = try viewer.finish()

    let list = try start(program, [], on: screen).finish()
    #expect(list.status == 0)
    #expect(String(decoding: list.output, as: UTF8.self).contains(/[0-9]+ vGPUs\n/))
    #expect(try start(program, ["pid:1x"], on: screen).finish().status == 1)
  }

  /// 600 pixels of the window are the view's, and the rest is widgets beside it.
  @Test func exampleInPythonShowsTheGuestBesideWidgets() throws {
    let screen = try Screen(.xvfb)
    _ = try CLibraries.introspectedFolder()
    let program = CLibraries.package.appendingPathComponent("Examples/Python/viewer.py").path
    // The bindings are the distribution's own Python's.
    let viewer = try start("/usr/bin/python3", [program, "demo"], on: screen)
    try Screen.wait(for: viewer) {
      guard let picture = try screen.picture(), isDemo(picture, width: 600) else { return false }
      // A widget's ground is one colour, and no guest's.
      let beside = (0..<100).map { picture.color(x: 790, y: 450 + $0) }
      return Set(beside).count == 1 && beside[0] >> 16 > 200
    }
    try Screen.wait(for: viewer) {
      let found = try Tool(
        "xdotool", ["search", "--name", "^1024x768, [1-9][0-9]* frames, showing$"], in: folder,
        environment: screen.environment
      ).finish()
      return found.status == 0
    }
    viewer.terminate()
    _ = try viewer.finish()
    #expect(try start("/usr/bin/python3", [program, "pid:1x"], on: screen).finish().status == 1)
  }

  /// A program that uses the class in every way, and in wrong ones, and says what is not as it should.
  @Test(arguments: [Screen.Kind.xvfb, .westonPixman])
  func viewIsAnObject(kind: Screen.Kind) throws {
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Programs/view.c")
    let screen = try Screen(kind)
    let end = try start(try compile(source), [], on: screen).finish()
    let output = String(decoding: end.output, as: UTF8.self)
    #expect(end.status == 0 && output == "done\n", "\(output)")
  }
}
