// SPDX-License-Identifier: Apache-2.0

import Foundation
import PNGFile
import TestSupport
import Testing
import VGPUDisplay

/// A display server inside the rig with a keyboard and a mouse, which xdotool moves; ended with it.
struct Desktop {
  enum Kind: String, CaseIterable {
    case xvfb
    /// A weston that fills an X server's screen, and the window it.
    case weston
  }

  private static let helpers = "\(RigTests.QEMUTests.rig)/inside"

  let kind: Kind
  /// What leads a program to this server and to no other.
  let environment: [String: String]
  /// What leads to the X server that has keyboard and mouse.
  private let screen: [String: String]

  /// - Parameter size: of the screen. Small ones are read quicker.
  init(_ kind: Kind, size: String = "720x600") throws {
    self.kind = kind
    let start = try Child(
      "\(Self.helpers)/\(kind == .xvfb ? "x-start" : "weston-x11-start")",
      [size] + (kind == .xvfb ? [] : ["pixman", "kiosk"])
    ).end()
    try #require(start.code == 0, "\(start.errors)")
    var exports: [String: String] = [:]
    for line in String(decoding: start.output, as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ").last?.split(separator: "=") ?? []
      if words.count == 2 { exports["\(words[0])"] = "\(words[1])" }
    }
    let display = try #require(exports["DISPLAY"])
    screen = ["DISPLAY": display, "WAYLAND_DISPLAY": ""]
    environment =
      switch kind {
      case .xvfb: screen.merging(["GDK_BACKEND": "x11"]) { $1 }
      case .weston:
        [
          "WAYLAND_DISPLAY": try #require(exports["WAYLAND_DISPLAY"]), "DISPLAY": "",
          "GDK_BACKEND": "wayland",
        ]
      }
  }

  /// Does something with keyboard and mouse.
  @discardableResult
  func xdotool(
    _ arguments: [String], location: SourceLocation = #_sourceLocation
  ) throws -> String {
    let end = try Child("/usr/bin/xdotool", arguments, environment: screen).end()
    #expect(
      end.code == 0, "xdotool \(arguments.prefix(4)): \(end.errors)", sourceLocation: location)
    return String(decoding: end.output, as: UTF8.self)
  }

  /// The same with each argument of its own.
  @discardableResult
  func xdotool(
    _ arguments: String..., location: SourceLocation = #_sourceLocation
  ) throws -> String {
    try xdotool(arguments, location: location)
  }

  /// Starts a program on the X server itself, and gives it the keyboard.
  func takeFocusAway() throws -> Child {
    let other = try Child("/usr/bin/xlogo", ["-geometry", "60x60-0-0"], environment: screen)
    let windows = try xdotool("search", "--sync", "--onlyvisible", "--class", "xlogo")
    try xdotool(
      "windowfocus", "--sync", try #require(windows.split(separator: "\n").last.map(String.init)))
    return other
  }

  /// What the screen shows, without the X server's pointer.
  func picture() throws -> Picture {
    let file = "/dev/shm/picture-\(UUID().uuidString).png"
    defer { try? FileManager.default.removeItem(atPath: file) }
    let shot = try Child("\(Self.helpers)/shot", [file], environment: screen).end()
    try #require(shot.code == 0, "\(shot.errors)")
    return try PNG.decode([UInt8](try Data(contentsOf: URL(fileURLWithPath: file))))
  }

  /// The first board on the screen that is as hoped for; the last one seen where there is none in
  /// time.
  func board(
    seconds: Double = 20, until isThere: (InputBoard) -> Bool
  ) throws -> InputBoard? {
    let deadline = Date(timeIntervalSinceNow: seconds)
    var last: InputBoard?
    repeat {
      if let board = InputBoard(in: try picture()) {
        last = board
        if isThere(board) { return board }
      }
      usleep(100_000)
    } while Date() < deadline
    return last
  }
}
