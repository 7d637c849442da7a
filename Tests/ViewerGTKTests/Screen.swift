// SPDX-License-Identifier: Apache-2.0

import Foundation
import PNGFile
import TestSupport
import Testing
import VGPUDisplay

/// A display server without a screen, of this test's own.
final class Screen {
  enum Kind: CaseIterable {
    case westonPixman
    case westonGL
    case xvfb
    /// A weston that has an X server's keyboard and mouse.
    case westonOnXvfb

    var isWayland: Bool { self != .xvfb }

    /// There the viewer covers the whole screen of 640x480; else it has a window on a larger one.
    var isBare: Bool { self == .westonPixman || self == .westonGL }

    /// Where the window's place is known.
    static let inPlace: [Kind] = [.westonPixman, .westonGL, .xvfb]
    /// On which something can be typed.
    static let withKeyboard: [Kind] = [.xvfb, .westonOnXvfb]
  }

  /// What it is made of.
  static let isPossible: ConditionTrait = .needs(
    "weston", "weston-screenshooter", "Xvfb", "import", "xdotool", "xlogo")

  private let kind: Kind
  private let folder: URL
  private var servers: [Tool] = []
  private var xDisplay: String?
  /// What leads a program to this server and to no other.
  private(set) var environment: [String: String?] = [:]

  init(_ kind: Kind) throws {
    self.kind = kind
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("viewer-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    switch kind {
    case .westonPixman:
      try startWeston(["--backend=headless-backend.so", "--use-pixman"], 640, 480)
    case .westonGL:
      try startWeston(["--backend=headless-backend.so", "--use-gl"], 640, 480)
    case .xvfb:
      try startXvfb()
    case .westonOnXvfb:
      try startXvfb()
      try startWeston(["--backend=x11-backend.so", "--use-pixman"], 900, 700)
      // Out of the picture: weston draws its pointer itself.
      try xdotool("mousemove", "5", "695")
    }
  }

  private func startXvfb() throws {
    // A number at random: those that Xvfb looks for by itself it may share with another that starts
    // at the same moment.
    var display = ":"
    while display == ":" {
      let number = Int.random(in: 1000..<60_000)
      let server = try Tool(
        "Xvfb",
        [
          ":\(number)", "-displayfd", "1", "-screen", "0", "1000x800x24", "-nolisten", "tcp",
          // Else it begins anew when the last client goes, a screenshot's maker, and takes along the
          // viewer that is just coming.
          "-noreset",
        ], in: folder)
      servers = [server]
      display = ":\(server.firstLine())"
    }
    xDisplay = display
    environment = [
      "DISPLAY": display, "WAYLAND_DISPLAY": nil, "GDK_BACKEND": "x11",
      "XDG_STATE_HOME": folder.path,
    ]
  }

  private func startWeston(_ backend: [String], _ width: Int, _ height: Int) throws {
    let weston = try Tool(
      "weston",
      backend + [
        "--width=\(width)", "--height=\(height)", "--socket=screen", "--debug", "--no-config",
        "--idle-time=0",
      ], in: folder,
      environment: [
        "XDG_RUNTIME_DIR": folder.path, "WAYLAND_DISPLAY": nil, "DISPLAY": xDisplay,
      ])
    // Before the X server that it is on.
    servers.insert(weston, at: 0)
    environment = [
      "XDG_RUNTIME_DIR": folder.path, "WAYLAND_DISPLAY": "screen", "DISPLAY": nil,
      "GDK_BACKEND": "wayland", "XDG_STATE_HOME": folder.path,
    ]
    let socket = folder.appendingPathComponent("screen").path
    try Self.wait { FileManager.default.fileExists(atPath: socket) }
  }

  deinit {
    for server in servers {
      server.terminate()
      _ = try? server.finish()
    }
    try? FileManager.default.removeItem(at: folder)
  }

  /// Waits until something is so, for as long as a busy machine may need.
  static func wait(seconds: Double = 40, _ condition: () throws -> Bool) throws {
    let end = Date.now.addingTimeInterval(seconds)
    while Date.now < end {
      if try condition() { return }
      usleep(50_000)
    }
    throw Timeout()
  }

  struct Timeout: Error {}

  /// A viewer that is to be looked at has ended, and what it said.
  struct Ended: Error {
    let output: String
    let status: Int32
  }

  /// The same as long as a viewer runs.
  static func wait(
    for viewer: Tool, seconds: Double = 40, _ condition: () throws -> Bool
  ) throws {
    try wait(seconds: seconds) {
      if try condition() { return true }
      guard !viewer.isRunning else { return false }
      let end = try viewer.finish()
      throw Ended(output: String(decoding: end.output, as: UTF8.self), status: end.status)
    }
  }

  /// Starts the viewer of the synthetic guest.
  func view(
    _ options: [String], environment more: [String: String?] = [:], isTold: Bool = false
  ) throws -> Tool {
    try Tool(
      Self.program("ViewerFixture"), options + (kind.isBare ? ["fullscreen"] : []), in: folder,
      environment: environment.merging(more) { $1 }, isTold: isTold)
  }

  /// The path of a program of this package: beside the test bundle, wherever that was started from.
  static func program(_ name: String) throws -> String {
    try #require(
      [Bundle.main.bundleURL, URL(fileURLWithPath: CommandLine.arguments[0])]
        .flatMap { [$0, $0.deletingLastPathComponent()] }
        .map { $0.appendingPathComponent(name).path }
        .first {
          FileManager.default.isExecutableFile(atPath: $0)
            && (try? FileManager.default.contentsOfDirectory(atPath: $0)) == nil
        })
  }

  /// Starts another program on this screen.
  func start(
    _ name: String, _ arguments: [String] = [], environment more: [String: String?] = [:]
  ) throws -> Tool {
    try Tool(name, arguments, in: folder, environment: environment.merging(more) { $1 })
  }

  /// Does something with the keyboard and the mouse of the X server, by xdotool.
  @discardableResult
  func xdotool(_ arguments: String...) throws -> String { try xdotool(arguments) }

  /// The same with arguments in a list.
  @discardableResult
  func xdotool(_ arguments: [String]) throws -> String {
    let (output, status) = try runXdotool(arguments)
    #expect(status == 0, "xdotool \(arguments.prefix(4))")
    return output
  }

  /// The windows whose title has this part.
  func windows(titled part: String) throws -> [String] {
    // It fails when there is none.
    try runXdotool(["search", "--name", part]).output.split(separator: "\n").map(String.init)
  }

  /// Opens a viewer's menu, so that keys reach it.
  func openMenu(of viewer: Tool) throws {
    func windows() throws -> Int {
      try runXdotool(["search", "--onlyvisible", "--pid", "\(viewer.pid)"]).output
        .split(separator: "\n").count
    }
    let before = try windows()
    try xdotool("key", "ctrl+alt+m")
    try Self.wait(for: viewer) { try windows() > before }
    // Nothing tells when it has the keyboard.
    usleep(500_000)
  }

  private func runXdotool(_ arguments: [String]) throws -> (output: String, status: Int32) {
    let (output, status) = try Tool(
      "xdotool", arguments, in: folder, environment: ["DISPLAY": xDisplay]
    ).finish()
    return (String(decoding: output, as: UTF8.self), status)
  }

  /// Whether a viewer shows a message: light letters on a dark, even background.
  var showsMessage: Bool {
    get throws {
      guard let picture = try picture() else { return false }
      let column = (0..<300).map { picture.color(x: 12, y: 100 + $0) }
      return column.allSatisfy { $0 == 0x212124 || $0 == 0x212123 }
        && picture.rgb.contains { $0 > 200 }
    }
  }

  /// What is on the screen.
  func picture() throws -> Picture? {
    let files = FileManager.default
    for file in try files.contentsOfDirectory(atPath: folder.path) where file.hasSuffix(".png") {
      try files.removeItem(at: folder.appendingPathComponent(file))
    }
    if xDisplay == nil {
      _ = try start("weston-screenshooter").finish()
    } else {
      _ = try Tool(
        "import", ["-window", "root", "x.png"], in: folder, environment: ["DISPLAY": xDisplay]
      ).finish()
    }
    guard
      let shot = try files.contentsOfDirectory(atPath: folder.path)
        .first(where: { $0.hasSuffix(".png") })
    else { return nil }
    return try PNG.decode([UInt8](Data(contentsOf: folder.appendingPathComponent(shot))))
  }
}
