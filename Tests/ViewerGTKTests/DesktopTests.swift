// SPDX-License-Identifier: Apache-2.0

import Foundation
import PNGFile
import TestPatterns
import TestSupport
import Testing
import VGPUDisplay

/// sway with one screen, which it draws itself, and its pictures by grim.
private final class Desktop {
  static let rig = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Rig")
  static let isPrepared =
    (try? Tool(
      rig.appendingPathComponent("prepare").path, ["--path", "desktops"],
      in: FileManager.default.temporaryDirectory
    ).finish().status) == 0

  private let folder: URL
  private let server: Tool

  /// - Parameter lines: sway's configuration besides the screen.
  init(_ mode: String, scale: Double, _ lines: [String] = []) throws {
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("desktop-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let configuration = [
      "output HEADLESS-1 mode --custom \(mode)@60Hz scale \(scale)", "xwayland disable",
      "default_border none", "font monospace 1", "output HEADLESS-1 bg #204060 solid_color",
    ]
    try (configuration + lines).joined(separator: "\n").appending("\n")
      .write(to: folder.appendingPathComponent("config"), atomically: false, encoding: .utf8)
    server = try Tool(
      Self.rig.appendingPathComponent("desktop").path,
      [folder.path, "sway", "--config", "/run/desktop/config"], in: folder)
    let socket = folder.appendingPathComponent("wayland-1").path
    try Screen.wait { FileManager.default.fileExists(atPath: socket) }
  }

  deinit {
    server.terminate()
    _ = try? server.finish()
    try? FileManager.default.removeItem(at: folder)
  }

  func view(_ options: [String]) throws -> Tool {
    try Tool(
      Screen.program("ViewerFixture"), options, in: folder,
      environment: [
        "XDG_RUNTIME_DIR": folder.path, "WAYLAND_DISPLAY": "wayland-1", "DISPLAY": nil,
        "GDK_BACKEND": "wayland",
      ])
  }

  /// What the screen shows, device pixel for device pixel.
  func picture() throws -> Picture? {
    let file = folder.appendingPathComponent("screen.png")
    try? FileManager.default.removeItem(at: file)
    _ = try Tool(
      Self.rig.appendingPathComponent("desktop").path,
      [folder.path, "grim", "/run/desktop/screen.png"], in: folder,
      environment: ["WAYLAND_DISPLAY": "wayland-1"]
    ).finish()
    return try? PNG.decode([UInt8](Data(contentsOf: file)))
  }
}

/// The real viewer on compositors of Debian 13, whose screens have fractional scales.
@Suite(.needs("Debian 13's compositors: run Rig/prepare desktops", if: Desktop.isPrepared))
struct DesktopTests {
  private func statistics(_ viewer: Tool) throws -> [String: String] {
    viewer.terminate()
    return try viewer.statistics()
  }

  /// Waits until the guest's pixels are on the screen, one for one.
  private func expectPicture(_ desktop: Desktop, _ what: String) throws -> (x: Int, y: Int)? {
    var origin: (x: Int, y: Int)?
    var last: Picture?
    try? Screen.wait {
      last = try desktop.picture()
      origin = last.flatMap { FixturePicture(hasCursor: false).place(in: $0) }
      return origin != nil
    }
    #expect(
      origin != nil,
      "\(what): not one pixel of the guest for one of \(last.map { "\($0.width)x\($0.height)" } ?? "none")"
    )
    return origin
  }

  @Test(arguments: [1, 1.25, 1.5, 1.75, 2], ["1:1", "fit"])
  func aPixelIsAPixel(scale: Double, scaling: String) throws {
    // Floating, so that the window has the size that it asks for.
    let desktop = try Desktop(
      "1680x1260", scale: scale, ["for_window [app_id=.*] floating enable, move position 40 40"])
    let viewer = try desktop.view(["scaling=\(scaling)"])
    _ = try expectPicture(desktop, "\(scale) \(scaling)")
    // Longer than a size has to last: the window's own size is nobody's wish.
    usleep(800_000)
    let statistics = try statistics(viewer)
    #expect(statistics["wish"] == nil)
  }

  /// The guest is told the pixels that the screen has, and its own are shown as they are.
  @Test(arguments: [1, 1.25, 1.5, 2])
  func theWholeScreenIsItsPixels(scale: Double) throws {
    let desktop = try Desktop("1680x1260", scale: scale)
    let viewer = try desktop.view(["scaling=1:1", "fullscreen"])
    let origin = try expectPicture(desktop, "\(scale)")
    #expect(origin?.x == (1680 - 640) / 2 && origin?.y == (1260 - 480) / 2)
    var statistics: [String: String] = [:]
    usleep(800_000)
    statistics = try self.statistics(viewer)
    #expect(statistics["wish"]?.hasPrefix("1680x1260@") == true, "\(statistics)")
  }
}
