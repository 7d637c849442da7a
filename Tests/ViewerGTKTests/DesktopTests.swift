// SPDX-License-Identifier: Apache-2.0

import Foundation
import PNGFile
import TestPatterns
import TestSupport
import Testing
import VGPUDisplay

/// A compositor of Debian 13's with one screen, which it draws itself, and pictures of that screen.
private final class Desktop {
  enum Compositor: String, CaseIterable, CustomTestStringConvertible {
    case sway
    case kwin
    case mutter
    case weston

    var testDescription: String { rawValue }

    /// The scales that its screen is tried at: weston's are whole numbers.
    var scales: [Double] { self == .weston ? [1, 2] : [1, 1.25, 1.5, 2] }
  }

  /// A compositor and its screen's scale.
  struct Kind: CustomTestStringConvertible {
    let compositor: Compositor
    let scale: Double

    var testDescription: String { "\(compositor) at \(scale)" }

    static let all = Compositor.allCases.flatMap { compositor in
      compositor.scales.map { Self(compositor: compositor, scale: $0) }
    }
  }

  static let rig = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Rig")
  static let isPrepared =
    (try? Tool(
      rig.appendingPathComponent("prepare").path, ["--path", "desktops"],
      in: FileManager.default.temporaryDirectory
    ).finish().status) == 0

  private let compositor: Compositor
  private let folder: URL
  private let server: Tool
  /// The socket that viewers use.
  private let socket: String

  /// - Parameter lines: sway's configuration besides the screen, when it is the compositor.
  init(
    _ compositor: Compositor, _ mode: (width: Int, height: Int), scale: Double,
    _ lines: [String] = []
  ) throws {
    self.compositor = compositor
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("desktop-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    socket = compositor == .sway ? "wayland-1" : "inner"
    // Without a GPU, KWin takes no picture of its screen: it is sway's only window, which covers all
    // of its screen, and sway takes the picture.
    let isInSway = compositor == .kwin
    var configuration = [
      "output HEADLESS-1 mode --custom \(mode.width)x\(mode.height)@60Hz scale \(isInSway ? 1 : scale)",
      "xwayland disable", "default_border none", "font monospace 1",
      "output HEADLESS-1 bg #204060 solid_color",
    ]
    configuration += lines
    if isInSway {
      configuration += [
        "for_window [app_id=.*] fullscreen enable",
        "exec kwin_wayland --wayland-display wayland-1 --socket \(socket) --scale \(scale)"
          + " --width \(mode.width) --height \(mode.height)",
      ]
    }
    try configuration.joined(separator: "\n").appending("\n")
      .write(to: folder.appendingPathComponent("config"), atomically: false, encoding: .utf8)
    // Without a seat it leaves a window of the screen's size below its panel.
    try "[shell]\npanel-position=none\n"
      .write(to: folder.appendingPathComponent("weston.ini"), atomically: false, encoding: .utf8)
    let settings = "[org/gnome/mutter]\\nexperimental-features=['scale-monitor-framebuffer']\\n"
    let command =
      switch compositor {
      case .sway, .kwin: ["sway", "--config", "/run/desktop/config"]
      case .weston:
        [
          "weston", "--config=/run/desktop/weston.ini", "--backend=headless", "--renderer=pixman",
          "--debug",
          "--socket=\(socket)", "--scale=\(Int(scale))",
          // Not in pixels.
          "--width=\(mode.width / Int(scale))", "--height=\(mode.height / Int(scale))",
        ]
      case .mutter:
        [
          "bash", "-euc",
          """
          mkdir -p ~/.config/glib-2.0/settings
          printf "\(settings)" >~/.config/glib-2.0/settings/keyfile
          pipewire &
          until [ -S "$XDG_RUNTIME_DIR/pipewire-0" ]; do sleep 0.1; done
          wireplumber &
          exec mutter --headless --wayland --no-x11 --wayland-display \(socket) \\
            --virtual-monitor \(mode.width)x\(mode.height)@60
          """,
        ]
      }
    server = try Tool(
      Self.rig.appendingPathComponent("desktop").path, [folder.path] + command, in: folder)
    let path = folder.appendingPathComponent(socket).path
    try Screen.wait { FileManager.default.fileExists(atPath: path) }
    guard compositor == .mutter else { return }
    // It answers a moment after its socket is there.
    try Screen.wait { try run(["desktop-control", "mutter-scale", "\(scale)"]) == 0 }
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
        "XDG_RUNTIME_DIR": folder.path, "WAYLAND_DISPLAY": socket, "DISPLAY": nil,
        "GDK_BACKEND": "wayland",
      ])
  }

  /// What the screen shows, device pixel for device pixel.
  func picture() throws -> Picture? {
    let file = folder.appendingPathComponent("screen.png")
    try? FileManager.default.removeItem(at: file)
    let place = "/run/desktop/screen.png"
    switch compositor {
    case .sway, .kwin: _ = try run(["grim", place])
    case .mutter: _ = try run(["desktop-control", "mutter-picture", place])
    case .weston:
      _ = try run([
        "bash", "-euc",
        "cd /tmp; WAYLAND_DISPLAY=\(socket) weston-screenshooter; mv wayland-screenshot-*.png \(place)",
      ])
    }
    return try? PNG.decode([UInt8](Data(contentsOf: file)))
  }

  /// Runs a program of Debian 13's beside the compositor.
  private func run(_ command: [String]) throws -> Int32 {
    try Tool(
      Self.rig.appendingPathComponent("desktop").path, [folder.path] + command, in: folder,
      environment: ["WAYLAND_DISPLAY": "wayland-1"]
    ).finish().status
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
  private func expectPicture(
    _ desktop: Desktop, _ what: String, location: SourceLocation = #_sourceLocation
  ) throws -> (x: Int, y: Int)? {
    var origin: (x: Int, y: Int)?
    var last: Picture?
    try? Screen.wait {
      last = try desktop.picture()
      origin = last.flatMap { FixturePicture(hasCursor: false).place(in: $0) }
      return origin != nil
    }
    #expect(
      origin != nil,
      "\(what): not one pixel of the guest for one of \(last.map { "\($0.width)x\($0.height)" } ?? "none")",
      sourceLocation: location)
    return origin
  }

  /// The window at its own size, whose pixels are nobody's wish.
  private func expectWindow(
    _ desktop: Desktop, scaling: String, _ what: String, location: SourceLocation = #_sourceLocation
  ) throws {
    let viewer = try desktop.view(["scaling=\(scaling)"])
    _ = try expectPicture(desktop, what, location: location)
    // Longer than a size has to last.
    usleep(800_000)
    let statistics = try statistics(viewer)
    #expect(statistics["wish"] == nil, sourceLocation: location)
  }

  @Test(arguments: [1, 1.25, 1.5, 1.75, 2], ["1:1", "fit"])
  func aPixelIsAPixel(scale: Double, scaling: String) throws {
    // Floating, so that the window has the size that it asks for.
    let desktop = try Desktop(
      .sway, (1680, 1260), scale: scale,
      ["for_window [app_id=.*] floating enable, move position 40 40"])
    try expectWindow(desktop, scaling: scaling, "\(scale) \(scaling)")
  }

  /// Each compositor places the window where it likes.
  @Test(arguments: Desktop.Kind.all.filter { $0.compositor != .sway })
  fileprivate func aPixelIsAPixelOn(kind: Desktop.Kind) throws {
    let desktop = try Desktop(kind.compositor, (1680, 1260), scale: kind.scale)
    try expectWindow(desktop, scaling: "1:1", kind.testDescription)
  }

  /// The guest is told the pixels that the screen has, and its own are shown as they are.
  @Test(arguments: Desktop.Kind.all)
  fileprivate func theWholeScreenIsItsPixels(kind: Desktop.Kind) throws {
    let desktop = try Desktop(kind.compositor, (1680, 1260), scale: kind.scale)
    let viewer = try desktop.view(["scaling=1:1", "fullscreen"])
    let origin = try expectPicture(desktop, kind.testDescription)
    #expect(origin?.x == (1680 - 640) / 2 && origin?.y == (1260 - 480) / 2)
    usleep(800_000)
    let statistics = try statistics(viewer)
    #expect(statistics["wish"]?.hasPrefix("1680x1260@") == true, "\(statistics)")
  }
}
