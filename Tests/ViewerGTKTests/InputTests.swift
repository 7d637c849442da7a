// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import VGPUDisplay

extension WindowTests {
  /// Keys and mouse of a real display server over the real window, and what the guest is told.
  @Suite struct InputTests {
    /// A viewer on a screen of its own, with the pointer over the guest's pixel (100, 60).
    private final class Session {
      let screen: Screen
      let viewer: Tool
      let origin: (x: Int, y: Int)
      private(set) var lines: [String] = []

      init(_ kind: Screen.Kind, _ options: [String]) throws {
        screen = try Screen(kind)
        viewer = try screen.view(options)
        let screen = screen
        var place: (x: Int, y: Int)?
        try Screen.wait(for: viewer) {
          let before = place
          place = try screen.picture().flatMap { FixturePicture(hasCursor: false).place(in: $0) }
          // A compositor may still move a window that it has just shown.
          if let before, let place { return before == place }
          usleep(200_000)
          return false
        }
        origin = try #require(place)
        try pointAt(100, 60)
        // X gives the keyboard to the window below the pointer, weston to the one that is clicked.
        if kind == .westonOnXvfb { try screen.xdotool("click", "1") }
      }

      func pointAt(_ x: Int, _ y: Int) throws {
        try screen.xdotool("mousemove", "\(origin.x + x)", "\(origin.y + y)")
      }

      /// What the viewer says from now on, until a line that is expected last.
      func read(until last: String) -> [String] {
        var found: [String] = []
        while true {
          let line = viewer.firstLine()
          if line.isEmpty { return found }
          found.append(line)
          if line == last { return found }
        }
      }

      /// The events until one that no test causes otherwise: a press of F13 and its end.
      func events() throws -> [String] {
        try screen.xdotool("key", "191")
        return read(until: "event=key 183 up").dropLast(2)
          .filter { $0.hasPrefix("event=") }.map { String($0.dropFirst("event=".count)) }
      }

      func end() throws {
        viewer.terminate()
        _ = try viewer.finish()
      }
    }

    private static func strokes(_ codes: some Sequence<Int>) -> [String] {
      codes.flatMap { ["key \($0) down", "key \($0) up"] }
    }

    /// Of linux/input-event-codes.h, all that X has numbers for.
    @Test(arguments: Screen.Kind.withKeyboard)
    func everyKeyByItsPlace(kind: Screen.Kind) throws {
      let session = try Session(kind, ["input=absolute"])
      _ = try session.events()
      // Xvfb keeps its keys for wireless devices, weston those for the brightness of its screen; and
      // GDK passes nothing on of Wayland's keys that mean nothing in the layout, which is the US one.
      let kept: Set =
        kind == .xvfb
        ? [241, 242]
        : [
          85, 89, 95, 112, 124, 141, 146, 160, 170, 175, 176, 189, 194, 195, 196, 197, 198, 199,
          209,
          211, 214, 222, 224, 225, 240, 241, 242,
        ]
      // The key that tells the end is pressed anyway.
      let codes = (2...247).filter { !kept.contains($0) && $0 != 183 }
      try session.screen.xdotool(
        ["key", "--delay", "4"] + codes.map { "\($0 + 8)" })
      let events = try session.events()
      let difference = events.difference(from: Self.strokes(codes))
      #expect(difference.isEmpty, "\(difference)")
      try session.end()
    }

    @Test(arguments: Screen.Kind.withKeyboard)
    func keysThatAreDownWhenTheFocusGoesAreLetGo(kind: Screen.Kind) throws {
      let session = try Session(kind, ["input=absolute"])
      _ = try session.events()
      try session.screen.xdotool("keydown", "38", "keydown", "50")
      #expect(
        session.read(until: "event=key 42 down") == ["event=key 30 down", "event=key 42 down"])
      let other = try session.screen.start(kind == .xvfb ? "xlogo" : "weston-flower")
      if kind == .xvfb {
        var window = ""
        try Screen.wait {
          window = try session.screen.xdotool("search", "--sync", "--class", "xlogo")
          return !window.isEmpty
        }
        try session.screen.xdotool(
          "windowfocus", String(window.split(separator: "\n").last ?? ""))
      }
      #expect(session.read(until: "event=key 42 up") == ["event=key 30 up", "event=key 42 up"])
      other.terminate()
      try session.end()
    }

    /// From right to left, too.
    @Test(arguments: [[], ["rtl"]])
    func pointerIsWhereTheHostsIs(options: [String]) throws {
      let session = try Session(.xvfb, ["input=absolute"] + options)
      _ = try session.events()
      for (x, y) in [(0, 0), (639, 479), (320, 240), (17, 401)] {
        try session.pointAt(x, y)
        // A guest that multiplies by its size and divides by 2^15 finds this very pixel.
        let places = try session.events().compactMap { line -> (Int, Int)? in
          let words = line.split(separator: " ")
          guard words.first == "absolute", let x = Int(words[1]), let y = Int(words[2]) else {
            return nil
          }
          return ((x * 640) >> 15, (y * 480) >> 15)
        }
        #expect(places.last?.0 == x && places.last?.1 == y, "\(places)")
      }
      try session.end()
    }

    @Test func buttonsAndWheel() throws {
      let session = try Session(.xvfb, ["input=absolute"])
      _ = try session.events()
      for button in [1, 2, 3, 8, 9, 4, 5, 5, 6, 7] {
        try session.screen.xdotool("click", "\(button)")
      }
      let buttons = ["left", "middle", "right", "side", "extra"]
      #expect(
        try session.events().filter { !$0.hasPrefix("absolute") }
          == buttons.flatMap { ["button \($0) down", "button \($0) up"] } + [
            "wheel vertical -1", "wheel vertical 1", "wheel vertical 1", "wheel horizontal -1",
            "wheel horizontal 1",
          ])
      try session.end()
    }

    private static func motion(_ events: [String]) -> (x: Int, y: Int) {
      events.reduce(into: (x: 0, y: 0)) { sum, line in
        let words = line.split(separator: " ")
        guard words.first == "relative" else { return }
        sum.x += Int(words[1]) ?? 0
        sum.y += Int(words[2]) ?? 0
      }
    }

    @Test func grabbedMouseMovesOnAndOn() throws {
      let session = try Session(.xvfb, ["input=absolute"])
      _ = try session.events()
      let grab = ["key 29 down", "key 56 down", "key 29 up", "key 56 up"]
      try session.screen.xdotool("key", "--delay", "30", "ctrl+alt+g")
      #expect(try session.events() == grab, "the guest has not heard of G")
      usleep(200_000)
      // Further than the window reaches, and than the X server's screen does.
      for _ in 0..<40 {
        try session.screen.xdotool("mousemove_relative", "--", "-50", "30")
        // A hand is slower too than a warped pointer's way back.
        usleep(20_000)
      }
      #expect(Self.motion(try session.events()) == (-2000, 1200))
      try session.screen.xdotool("key", "--delay", "30", "ctrl+alt+g")
      #expect(try session.events() == grab)
      try session.pointAt(5, 5)
      #expect(try session.events().allSatisfy { $0.hasPrefix("absolute") })
      try session.end()
    }

    @Test func clickGrabsForAGuestWithoutATablet() throws {
      let session = try Session(.xvfb, ["input=relative"])
      try session.pointAt(300, 200)
      #expect(try session.events() == [])
      try session.screen.xdotool("click", "1")
      usleep(200_000)
      try session.screen.xdotool("mousemove_relative", "7", "9", "click", "3")
      #expect(
        try session.events() == ["relative 7 9", "button right down", "button right up"])
      try session.end()
    }

    @Test func viewOnlyWindowTellsNothingAndSaysSo() throws {
      let session = try Session(.xvfb, ["input=none"])
      try session.screen.xdotool("key", "38", "click", "1")
      let name = try session.screen.xdotool("search", "--name", "swift-vgpu", "getwindowname")
      #expect(name.contains("view only"), "\(name)")
      session.viewer.terminate()
      let output = String(decoding: try session.viewer.finish().output, as: UTF8.self)
      #expect(!output.contains("event="))
    }

    @Test func menuSendsWhatTheHostKeeps() throws {
      let session = try Session(.xvfb, ["input=absolute"])
      _ = try session.events()
      try session.screen.openMenu(of: session.viewer)
      try session.screen.xdotool("key", "Down", "Return")
      let lines = session.read(until: "event=key 29 up")
      // Those of Ctrl+Alt+M itself.
      #expect(lines == ["event=key 29 down", "event=key 56 down", "event=key 29 up"])
      #expect(
        session.read(until: "event=key 29 up").map { String($0.dropFirst("event=".count)) }
          == [
            "key 56 up", "key 29 down", "key 56 down", "key 111 down", "key 111 up", "key 56 up",
            "key 29 up",
          ])
      try session.end()
    }

    @Test func closingAsks() throws {
      let session = try Session(.xvfb, ["input=absolute", "question"])
      session.viewer.interrupt()
      usleep(700_000)
      try session.screen.xdotool("key", "Return")
      #expect(session.read(until: "answer=power").last == "answer=power")
      #expect(session.viewer.isRunning)
      usleep(300_000)
      // Asked again it closes without an answer.
      session.viewer.interrupt()
      usleep(300_000)
      session.viewer.interrupt()
      let (output, status) = try session.viewer.finish()
      #expect(status == 0)
      #expect(!String(decoding: output, as: UTF8.self).contains("answer="))
    }

    /// Two views lock the pointer of one window, which a compositor allows once: the second takes over.
    @Test(arguments: Screen.Kind.withKeyboard)
    func viewsOfOneWindowShareTheMouse(kind: Screen.Kind) throws {
      let screen = try Screen(kind)
      let viewer = try screen.view(["two"])
      let (output, status) = try viewer.finish()
      #expect(status == 0)
      #expect(
        String(decoding: output, as: UTF8.self).split(separator: "\n")
          .filter { $0.hasPrefix("grabs=") } == [
            "grabs=true false", "grabs=false true", "grabs=true false", "grabs=true false",
            "grabs=false false",
          ])
    }

    private func touches(_ devices: String) throws -> [[String]] {
      let screen = try Screen(.xvfb)
      let (output, status) = try screen.view(["touches=\(devices)"]).finish()
      #expect(status == 0)
      return String(decoding: output, as: UTF8.self).split(separator: "\n")
        .filter { $0.hasPrefix("event=") }.map {
          $0.dropFirst(6).split(separator: " ").map(String.init)
        }
    }

    @Test func fingersAreTheGuestsOwn() throws {
      let events = try touches("screen")
      try #require(
        events.map { $0.prefix(3) } == [
          ["touch", "0", "down"], ["touch", "1", "down"], ["touch", "0", "move"],
          ["touch", "0", "up"], ["touch", "1", "up"], ["touch", "0", "down"], ["touch", "0", "up"],
        ])
      // To the device pixel.
      for (index, x, y) in [(0, 0.5, 0.5), (1, 0, 0), (2, 0.75, 0.25), (5, 0.25, 0.75)] {
        let place = try events[index].suffix(2).map { try #require(Double($0)) / 32768 }
        #expect(abs(place[0] - x) < 1 / 240 && abs(place[1] - y) < 1 / 240, "\(events[index])")
      }
    }

    /// GTK makes a pointer of the first finger.
    @Test func fingersAreAPointerWithoutATouchScreen() throws {
      let events = try touches("none").filter { $0[0] != "absolute" }
      #expect(events == [["button", "left", "down"], ["button", "left", "up"]])
    }

    @Test func windowTellsTheSizeThatTheUserGaveIt() throws {
      let session = try Session(.xvfb, ["input=absolute"])
      let window = try session.screen.xdotool("search", "--name", "swift-vgpu")
        .split(separator: "\n").last.map(String.init)
      // Longer than a size has to last: the first one is nobody's wish.
      usleep(600_000)
      try session.screen.xdotool("windowsize", try #require(window), "810", "656")
      let wish = session.read(until: "").first { $0.hasPrefix("wish=") }
      #expect(wish?.hasPrefix("wish=800x600@") == true, "\(wish ?? "none")")
      try session.end()
    }
  }
}
