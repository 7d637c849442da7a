// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension WindowTests {
  /// What the user chooses in the menu counts at the next start, too.
  @Suite(RealAgent.isPossible, .timeLimit(.minutes(5)), .onOwnThread)
  struct RememberedClipboardTests {
    private let screen: Screen
    private let agent: RealAgent
    private let relay: Relay
    private let state: String
    private var file: String { "\(state)/vgpu/guests.json" }
    private static let text = Array("from the guest".utf8)

    init() throws {
      screen = try Screen(.xvfb)
      agent = try RealAgent()
      relay = Relay("\(agent.folder)/relay", to: try agent.accept())
      state = "\(agent.folder)/state"
      _ = try agent.write(
        Array(#"{"guests": [{"guest": "demo", "clipboard": "off"}]}"#.utf8),
        to: "state/vgpu/guests.json")
    }

    private func view(_ options: String...) throws -> Tool {
      let viewer = try screen.start(
        Screen.program("vgpu"), ["view", "demo", "--agent", relay.path] + options,
        environment: ["XDG_STATE_HOME": state])
      try Screen.wait(for: viewer) {
        guard let window = try screen.windows(titled: "swift-vgpu").first else { return false }
        try screen.xdotool("windowfocus", window)
        return true
      }
      try agent.copy(agent.write(Self.text, to: "text"), "UTF8_STRING", in: "clipboard")
      return viewer
    }

    private func pasted() throws -> [UInt8] {
      let pasted = try screen.start(
        "xclip", ["-selection", "clipboard", "-t", "UTF8_STRING", "-o"]
      ).finish()
      return pasted.status == 0 ? Array(pasted.output) : []
    }

    @Test func menusChoiceIsRemembered() throws {
      let viewer = try view()
      for _ in 0..<10 {
        #expect(try pasted() == [])
        usleep(200_000)
      }
      try screen.openMenu(of: viewer)
      // From the menu's end: about, shortcuts, the clipboard's ways, of which the first is both.
      try screen.xdotool("key", "Up", "Up", "Up", "Right", "Return")
      try Screen.wait(for: viewer) {
        try String(contentsOfFile: file, encoding: .utf8).contains(#""clipboard" : "both""#)
      }
      try agent.copy(agent.write(Self.text, to: "text"), "UTF8_STRING", in: "clipboard")
      try Screen.wait(for: viewer) { try pasted() == Self.text }
    }

    /// The command line decides for one window, and changes no memory.
    @Test func commandLineCountsMore() throws {
      let viewer = try view("--clipboard", "from-guest")
      try Screen.wait(for: viewer) { try pasted() == Self.text }
      #expect(try String(contentsOfFile: file, encoding: .utf8).contains(#""clipboard": "off""#))
    }
  }
}
