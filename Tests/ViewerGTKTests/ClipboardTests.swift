// SPDX-License-Identifier: Apache-2.0

import Foundation
import PNGFile
import TestSupport
import Testing
import VGPUDisplay

extension WindowTests {
  /// The clipboards of an X server and of a guest, with Debian's own agent at the other end of the port.
  @Suite(RealAgent.isPossible, .timeLimit(.minutes(15)), .onOwnThread) struct ClipboardTests {
    private let screen: Screen
    private let agent: RealAgent
    private let relay: Relay
    private let viewer: Tool

    init() throws {
      screen = try Screen(.xvfb)
      agent = try RealAgent()
      relay = Relay("\(agent.folder)/relay", to: try agent.accept())
      viewer = try screen.start(
        Screen.program("vgpu"), ["view", "demo", "--agent", relay.path])
      try focus()
    }

    private func focus() throws {
      try Screen.wait(for: viewer) {
        guard let window = try screen.windows(titled: "swift-vgpu").first else { return false }
        try screen.xdotool("windowfocus", window)
        return true
      }
    }

    /// Pastes on the host's X server.
    private func paste(_ type: String, from selection: String) throws -> [UInt8] {
      let pasted = try screen.start("xclip", ["-selection", selection, "-t", type, "-o"]).finish()
      return pasted.status == 0 ? Array(pasted.output) : []
    }

    private static let text = Array("Grüße, 漢字 🙂\nsecond line\n".utf8)
    private static let large = Array(
      (0..<200_000).map { "line \($0)\n" }.joined().utf8.prefix(1 << 21))

    @Test(arguments: ["clipboard", "primary"])
    func whatIsCopiedInTheGuestIsPastedOnTheHost(selection: String) throws {
      for text in [Self.text, Self.large] {
        try agent.copy(agent.write(text, to: "text"), "UTF8_STRING", in: selection)
        try Screen.wait(for: viewer) { try paste("UTF8_STRING", from: selection) == text }
      }
      // Another program of the host copies, and the guest has that.
      let host = Array("from the host".utf8)
      let copied = try screen.start(
        "xclip", ["-quiet", "-selection", selection, "-i", agent.write(host, to: "host")])
      try Screen.wait(for: viewer) { try agent.paste("UTF8_STRING", from: selection) == host }
      copied.terminate()
    }

    @Test func picturesGoBothWays() throws {
      let picture = try #require(
        Picture(width: 40, height: 30, rgb: (0..<3600).map { UInt8($0 * 7 & 255) }))
      let png = try PNG.encode(picture)
      try agent.copy(agent.write(png, to: "picture"), "image/png", in: "clipboard")
      try Screen.wait(for: viewer) { try paste("image/png", from: "clipboard") == png }
      let second = try #require(
        Picture(width: 31, height: 17, rgb: (0..<31 * 17 * 3).map { UInt8($0 & 255) }))
      let other = try PNG.encode(second)
      let copied = try screen.start(
        "xclip",
        ["-quiet", "-selection", "clipboard", "-t", "image/png", "-i"]
          + [agent.write(other, to: "other")])
      try Screen.wait(for: viewer) { try agent.paste("image/png", from: "clipboard") == other }
      copied.terminate()
    }

    /// A guest in the background neither learns what the host copies nor takes the host's clipboard.
    @Test func aGuestInTheBackgroundGetsNothing() throws {
      try agent.copy(agent.write(Self.text, to: "text"), "UTF8_STRING", in: "clipboard")
      try Screen.wait(for: viewer) { try paste("UTF8_STRING", from: "clipboard") == Self.text }
      let other = try screen.start("xlogo")
      var window = ""
      try Screen.wait(for: other) {
        window = try screen.xdotool("search", "--sync", "--class", "xlogo")
        return !window.isEmpty
      }
      try screen.xdotool("windowfocus", String(window.split(separator: "\n").last ?? ""))
      let secret = Array("a password".utf8)
      let copied = try screen.start(
        "xclip", ["-quiet", "-selection", "clipboard", "-i", agent.write(secret, to: "secret")])
      try Screen.wait { try paste("UTF8_STRING", from: "clipboard") == secret }
      for _ in 0..<10 {
        #expect(try agent.paste("UTF8_STRING", from: "clipboard") != secret)
        usleep(100_000)
      }
      other.terminate()
      _ = try other.finish()
      try focus()
      try Screen.wait(for: viewer) { try agent.paste("UTF8_STRING", from: "clipboard") == secret }
      copied.terminate()
    }

    /// The window's end takes the guest's content away.
    @Test func nothingOfTheGuestsStays() throws {
      try agent.copy(agent.write(Self.text, to: "text"), "UTF8_STRING", in: "clipboard")
      try Screen.wait(for: viewer) { try paste("UTF8_STRING", from: "clipboard") == Self.text }
      viewer.terminate()
      _ = try viewer.finish()
      #expect(try paste("UTF8_STRING", from: "clipboard") == [])
    }

    /// Files and a folder that are dropped on the guest's screen.
    @Test func droppedFilesGoToTheGuest() throws {
      let bytes = Self.large
      let paths = [
        try agent.write(bytes, to: "one file.bin"), try agent.write([1, 2, 3], to: "Folder/two"),
      ]
      let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appending(path: "Programs/drag.py").path
      let dragged = try screen.start(
        "/usr/bin/python3", [source, paths[0], "\(agent.folder)/Folder"])
      let window = try #require(try screen.windows(titled: "swift-vgpu").first)
      try screen.xdotool("windowmove", window, "120", "0")
      try Screen.wait(for: dragged) { try !screen.windows(titled: "drag source").isEmpty }
      try screen.xdotool("mousemove", "50", "50", "mousedown", "1")
      // GTK begins to drag when the pointer has gone some pixels.
      for x in stride(from: 60, through: 300, by: 20) {
        try screen.xdotool("mousemove", "\(x)", "\(x)")
        usleep(50_000)
      }
      usleep(300_000)
      try screen.xdotool("mouseup", "1")
      let arrived = { (name: String) in
        FileManager.default.contents(atPath: "\(agent.received)/\(name)").map { [UInt8]($0) }
      }
      try Screen.wait(for: viewer) {
        arrived("one file.bin") == bytes && arrived("Folder/two") == [1, 2, 3]
      }
      _ = try dragged.finish()
    }
  }
}
