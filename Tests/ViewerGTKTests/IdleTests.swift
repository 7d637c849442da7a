// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import ViewerGTK

extension Tool {
  /// Waits until the program's main thread has slept for three seconds. It wakes no more often than that
  /// only when no clock wakes it.
  func waitForRest() throws {
    func sleeps() throws -> Int {
      let status = try String(contentsOfFile: "/proc/\(pid)/task/\(pid)/status", encoding: .utf8)
      let count = try #require(status.firstMatch(of: /\nvoluntary_ctxt_switches:\t(\d+)/)).1
      return try #require(Int(count))
    }
    try Screen.wait(for: self, seconds: 120) {
      let before = try sleeps()
      sleep(3)
      return try sleeps() == before
    }
  }
}

/// When somebody watches a guest.
@Suite final class WatchedGuestTests {
  private var guest = WatchedGuest()
  private var presented = 0

  private func looks(
    _ count: Int, frames: Int = 0, isFullscreen: Bool = true, isPlaying: Bool = false
  ) -> [Bool] {
    (0..<count).map { _ in
      presented += frames
      return guest.look(presented: presented, isFullscreen: isFullscreen, isPlaying: isPlaying)
    }
  }

  @Test func aFilmOnTheWholeScreenIsWatched() {
    #expect(looks(6, frames: 25) == [false, false, false, false, true, true])
    // A pause, and its end.
    #expect(looks(2) == [true, false])
    #expect(!looks(20, frames: 25).dropFirst().contains(false))
    #expect(looks(20).last == false)
    // In a window among others.
    #expect(!looks(20, frames: 25, isFullscreen: false).contains(true))
    #expect(looks(1, frames: 25) == [true])
  }

  @Test func aDeskAtRestIsNotWatched() {
    // A cursor that blinks, and a menu that opens.
    #expect(!looks(60, frames: 2).contains(true))
    #expect(!looks(3, frames: 60).contains(true))
  }

  @Test func soundIsHeard() {
    #expect(looks(1, isFullscreen: false, isPlaying: true) == [true])
    #expect(looks(6, isFullscreen: false) == [true, true, true, true, false, false])
  }
}

extension WindowTests {
  /// The host stays awake while somebody watches a guest, by the screen saver of a session's bus.
  @Suite(.needs("dbus-daemon", "python3"), .timeLimit(.minutes(5)), .onOwnThread)
  struct ScreenSaverTests {
    private let screen: Screen
    private let bus: Tool
    private let saver: Tool
    private let address: String

    init() throws {
      screen = try Screen(.xvfb)
      bus = try screen.start(
        "dbus-daemon", ["--session", "--nofork", "--nopidfile", "--print-address"])
      address = bus.firstLine()
      let program = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appending(path: "Programs/screen_saver.py").path
      // The bindings are the distribution's own Python's.
      saver = try screen.start(
        "/usr/bin/python3", [program], environment: ["DBUS_SESSION_BUS_ADDRESS": address])
      try #require(saver.firstLine() == "ready")
    }

    private func view(_ options: String...) throws -> Tool {
      try screen.view(options, environment: ["DBUS_SESSION_BUS_ADDRESS": address])
    }

    @Test func aMovingPictureOnTheWholeScreenIsWatched() throws {
      let viewer = try view("fullscreen", "name=laptop")
      #expect(saver.firstLine() == "inhibit swift-vgpu laptop is watched")
      let window = try #require(try screen.windows(titled: "swift-vgpu").last)
      try screen.xdotool("windowfocus", window, "key", "F11")
      #expect(saver.firstLine() == "uninhibit")
      try screen.xdotool("windowfocus", window, "key", "F11")
      #expect(saver.firstLine() == "inhibit swift-vgpu laptop is watched")
      viewer.terminate()
      _ = try viewer.finish()
      #expect(["uninhibit", "lost"].contains(saver.firstLine()))
    }

    @Test func soundIsWatchedAsLongAsItPlays() throws {
      let viewer = try view("plays=3")
      #expect(saver.firstLine() == "inhibit swift-vgpu synthetic is watched")
      #expect(saver.firstLine() == "uninhibit")
      #expect(viewer.isRunning)
    }

    /// The window has no clock at rest, and does not need one to notice sound.
    @Test func soundIsNoticedAtRest() throws {
      let viewer = try view("tells=20", "stops-after=20", "plays-when-told")
      try viewer.waitForRest()
      kill(viewer.pid, SIGUSR1)
      #expect(saver.firstLine() == "inhibit swift-vgpu demo is watched")
    }

    /// A viewer that is killed holds nothing.
    @Test func nothingOutlivesTheViewer() throws {
      let viewer = try view("plays=1000")
      #expect(saver.firstLine().hasPrefix("inhibit"))
      kill(viewer.pid, SIGKILL)
      #expect(saver.firstLine() == "lost")
    }

    @Test func aBusThatEndsHarmsNothing() throws {
      let viewer = try view("plays=1000", "seconds=6")
      #expect(saver.firstLine().hasPrefix("inhibit"))
      bus.terminate()
      #expect(try viewer.finish().status == 0)
    }
  }

  /// A picture at rest costs its window nothing, and a title is true all the same.
  @Suite(.timeLimit(.minutes(5)), .onOwnThread)
  struct RestTests {
    @Test func aWindowAtRestSleepsUntilThePictureMoves() throws {
      let screen = try Screen(.xvfb)
      let viewer = try screen.view(["tells=20", "stops-after=20"])
      try viewer.waitForRest()
      #expect(try screen.windows(titled: "swift-vgpu").count == 1)
      #expect(try screen.windows(titled: "fps").isEmpty)
      kill(viewer.pid, SIGUSR1)
      try Screen.wait(for: viewer) { try screen.windows(titled: " fps").count == 1 }
    }
  }

  /// The same by the compositor's idle-inhibit, in a sway without a screen.
  @Suite(.needs("sway", "swaymsg", "setpriv"), .timeLimit(.minutes(5)), .onOwnThread)
  struct IdleInhibitTests {
    private let folder: URL
    private let sway: Tool
    private let environment: [String: String?]

    init() throws {
      // Not in TMPDIR, because another user has to get there: sway does not run as root.
      folder = URL(fileURLWithPath: "/tmp/sway-\(UUID())")
      let files = FileManager.default
      try files.createDirectory(
        at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      try Data("xwayland disable\n".utf8).write(to: folder.appending(path: "config"))
      var command = ["sway", "-c", folder.appending(path: "config").path]
      if geteuid() == 0 {
        let nobody = 65534
        for path in [folder.path, "\(folder.path)/config"] {
          try files.setAttributes(
            [.ownerAccountID: nobody, .groupOwnerAccountID: nobody], ofItemAtPath: path)
        }
        command =
          ["setpriv", "--reuid=\(nobody)", "--regid=\(nobody)", "--clear-groups"] + command
      }
      let socket = folder.appending(path: "ipc").path
      sway = try Tool(
        command[0], Array(command.dropFirst()), in: folder,
        environment: [
          "XDG_RUNTIME_DIR": folder.path, "HOME": folder.path, "SWAYSOCK": socket,
          "WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman", "WLR_LIBINPUT_NO_DEVICES": "1",
          "WAYLAND_DISPLAY": nil, "DISPLAY": nil,
        ])
      environment = [
        "XDG_RUNTIME_DIR": folder.path, "SWAYSOCK": socket, "WAYLAND_DISPLAY": "wayland-1",
        "DISPLAY": nil, "GDK_BACKEND": "wayland", "DBUS_SESSION_BUS_ADDRESS": nil,
      ]
      let paths = [socket, folder.appending(path: "wayland-1").path]
      try Screen.wait(for: sway) { paths.allSatisfy(files.fileExists) }
    }

    /// What sway says of the inhibitors of the windows that are open.
    private func inhibitors() throws -> [String] {
      let tree = try Tool(
        "swaymsg", ["-r", "-t", "get_tree"], in: folder, environment: environment
      ).finish().output
      return String(decoding: tree, as: UTF8.self)
        .matches(of: /"application": "([a-z]+)"/).map { String($0.1) }
    }

    @Test func compositorIsToldAsLongAsSomebodyWatches() throws {
      let viewer = try Tool(
        Screen.program("ViewerFixture"), ["plays=4"], in: folder, environment: environment)
      try Screen.wait(for: viewer) { try inhibitors() == ["enabled"] }
      try Screen.wait(for: viewer) { try inhibitors() == ["none"] }
      viewer.terminate()
      _ = try viewer.finish()
      sway.terminate()
      _ = try sway.finish()
      try FileManager.default.removeItem(at: folder)
    }
  }
}
