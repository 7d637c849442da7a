// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A program on a screen, by what it tells a screen reader: on a session's bus of its own.
final class Accessible {
  /// What a test of it needs.
  static var needs: some SuiteTrait {
    .needs(
      "at-spi2-core, gir1.2-atspi-2.0: Scripts/setup test",
      if: FileManager.default.fileExists(atPath: "/usr/libexec/at-spi-bus-launcher"))
  }

  let screen: Screen
  let program: Tool
  /// A folder that only this program has.
  let folder: URL
  private let bus: Tool
  private let environment: [String: String?]

  /// - Parameters:
  ///   - name: the program of this package, or a path.
  ///   - arguments: made with its folder.
  ///   - more: the same, of its environment.
  init(
    _ name: String, _ arguments: [String],
    environment more: (URL) throws -> [String: String?] = { _ in [:] }
  ) throws {
    screen = try Screen(.xvfb)
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("accessible-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    bus = try screen.start(
      "dbus-daemon", ["--session", "--nofork", "--nopidfile", "--print-address"],
      environment: ["XDG_RUNTIME_DIR": folder.path])
    environment = [
      "DBUS_SESSION_BUS_ADDRESS": bus.firstLine(), "XDG_RUNTIME_DIR": folder.path,
      "NO_AT_BRIDGE": nil,
      // Whatever the language of the person who tests.
      "LC_ALL": "C.UTF-8",
    ].merging(try more(folder)) { $1 }
    program = try screen.start(
      name.hasPrefix("/") ? name : Screen.program(name), arguments, environment: environment)
  }

  deinit {
    bus.terminate()
    _ = try? bus.finish()
    try? FileManager.default.removeItem(at: folder)
  }

  private func ask(_ arguments: String...) throws -> (output: Data, status: Int32) {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "Programs/accessible.py").path
    return try screen.start(
      "/usr/bin/python3", [path, "\(program.pid)"] + arguments, environment: environment
    ).finish()
  }

  /// The parts that are to be seen: role, name, description, states.
  func parts() throws -> [[String]] { Self.fields(try ask().output) }

  private static func fields(_ lines: Data) -> [[String]] {
    String(decoding: lines, as: UTF8.self).split(separator: "\n").map {
      $0.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
    }
  }

  /// The names of the parts with a role.
  func names(_ role: String) throws -> [String] {
    try parts().filter { $0.first == role }.map { $0[1] }
  }

  /// Where the first part with a role, and with a name if it is given, is on the screen.
  func place(of name: String?, role: String) throws -> (x: Int, y: Int, width: Int, height: Int)? {
    let found = Self.fields(try ask("places").output).first {
      $0.first == role && (name == nil || $0[1] == name)
    }
    guard let numbers = found?.last?.split(separator: " ").compactMap({ Int($0) }),
      numbers.count == 4
    else { return nil }
    return (numbers[0], numbers[1], numbers[2], numbers[3])
  }

  /// Opens a viewer's menu.
  ///
  /// - Returns: the lines that can be marked.
  func menu() throws -> [[String]] {
    var found: [[String]] = []
    try wait {
      try key("ctrl+alt+m")
      for _ in 0..<20 {
        found = try parts().filter { ["check menu item", "radio menu item"].contains($0[0]) }
        if !found.isEmpty { return true }
      }
      return false
    }
    return found
  }

  /// Presses a button, or chooses from a menu.
  func press(_ name: String) throws { #expect(try ask("press", name).status == 0, "\(name)") }

  func wait(_ condition: () throws -> Bool) throws {
    do {
      try Screen.wait(for: program, condition)
    } catch {
      Issue.record("\(error): \((try? parts()) ?? [])")
      throw error
    }
  }

  func key(_ keys: String...) throws { try screen.xdotool(["key"] + keys) }

  func type(_ text: String) throws { try screen.xdotool("type", "--delay", "50", text) }
}
