// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A display server without a screen, of 640x480 pixels, of this test's own.
final class Screen {
  enum Kind: CaseIterable {
    case westonPixman
    case westonGL
    case xvfb

    var isWayland: Bool { self != .xvfb }
  }

  static var isPossible: Bool {
    Tool.exist("weston", "weston-screenshooter", "Xvfb", "import", "convert")
  }
  static let isMissing: Comment = "needs weston, Xvfb and imagemagick"

  private let kind: Kind
  private let folder: URL
  private let server: Tool
  /// What leads a program to this server and to no other.
  let environment: [String: String?]

  init(_ kind: Kind) throws {
    self.kind = kind
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("viewer-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    if kind.isWayland {
      environment = [
        "XDG_RUNTIME_DIR": folder.path, "WAYLAND_DISPLAY": "screen", "DISPLAY": nil,
        "GDK_BACKEND": "wayland",
      ]
      server = try Tool(
        "weston",
        [
          "--backend=headless-backend.so", kind == .westonGL ? "--use-gl" : "--use-pixman",
          "--width=640", "--height=480", "--socket=screen", "--debug", "--no-config",
          "--idle-time=0",
        ], in: folder,
        environment: ["XDG_RUNTIME_DIR": folder.path, "WAYLAND_DISPLAY": nil])
      let socket = folder.appendingPathComponent("screen").path
      try Self.wait { FileManager.default.fileExists(atPath: socket) }
    } else {
      server = try Tool(
        "Xvfb", ["-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp"], in: folder)
      environment = [
        "DISPLAY": ":\(server.firstLine())", "WAYLAND_DISPLAY": nil, "GDK_BACKEND": "x11",
      ]
    }
  }

  deinit {
    server.terminate()
    _ = try? server.finish()
    try? FileManager.default.removeItem(at: folder)
  }

  /// Waits until something is so, for ten seconds at most.
  static func wait(_ condition: () throws -> Bool) throws {
    let end = Date.now.addingTimeInterval(10)
    while Date.now < end {
      if try condition() { return }
      usleep(50_000)
    }
    throw Timeout()
  }

  struct Timeout: Error {}

  /// Starts the viewer of the synthetic guest; it covers the screen.
  func view(_ options: [String], environment more: [String: String?] = [:]) throws -> Tool {
    let products = Bundle.main.bundleURL
    let fixture = [products, URL(fileURLWithPath: CommandLine.arguments[0])]
      .flatMap { [$0, $0.deletingLastPathComponent()] }
      .map { $0.appendingPathComponent("ViewerFixture").path }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
    return try Tool(
      #require(fixture), options + (kind.isWayland ? ["fullscreen"] : []), in: folder,
      environment: environment.merging(more) { $1 })
  }

  /// What is on the screen: red, green and blue, a byte each.
  func pixels() throws -> [UInt8] {
    let files = FileManager.default
    for file in try files.contentsOfDirectory(atPath: folder.path) where file.hasSuffix(".png") {
      try files.removeItem(at: folder.appendingPathComponent(file))
    }
    _ =
      kind.isWayland
      ? try Tool("weston-screenshooter", [], in: folder, environment: environment).finish()
      : try Tool("import", ["-window", "root", "x.png"], in: folder, environment: environment)
        .finish()
    let shot = try files.contentsOfDirectory(atPath: folder.path).first { $0.hasSuffix(".png") }
    guard let shot else { return [] }
    return [UInt8](
      try Tool("convert", [shot, "-depth", "8", "rgb:-"], in: folder).finish().output)
  }
}
