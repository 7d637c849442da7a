// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension WindowTests {
  /// The window's menu, and the windows that it opens.
  @Suite(
    .needs("dbus-daemon", "python3"), Accessible.needs, .timeLimit(.minutes(15)), .onOwnThread)
  struct WindowMenuTests {
    private func window(_ options: String...) throws -> Accessible {
      let window = try Accessible("ViewerFixture", options)
      try window.wait { try !window.screen.windows(titled: "swift-vgpu").isEmpty }
      // X gives the keyboard to the window below the pointer.
      try window.screen.xdotool("mousemove", "300", "200")
      return window
    }

    /// Opens the menu.
    ///
    /// - Returns: the lines that can be marked, and the marked ones.
    private func marks(_ window: Accessible) throws -> (all: [String], on: [String]) {
      let found = try window.menu()
      return (found.map { $0[1] }, found.filter { $0[3].contains("checked") }.map { $0[1] })
    }

    private static let always = [
      "Full screen", "Statistics", "Fit the window", "Whole multiples", "One to one",
      "Fill the window",
    ]

    /// Each choice is carried out, and marked when the menu opens again.
    @Test func theMenuShowsWhatIsOn() throws {
      let window = try window("input=absolute", "scaling=1:1")
      let first = try marks(window)
      #expect(first.all == Self.always && first.on == ["One to one"])
      try window.press("Fit the window")
      #expect(try marks(window).on == ["Fit the window"])
      try window.press("Statistics")
      let last = try marks(window)
      #expect(last.on == ["Statistics", "Fit the window"])
      // The keys do the same.
      try window.key("Escape")
      try window.key("ctrl+alt+s")
      try window.wait { try marks(window).on == ["Fit the window"] }
      window.program.terminate()
      #expect(try window.program.finish().status == 0)
    }

    /// By the keyboard it opens in the picture's upper corner, below the title bar.
    @Test func theMenuOpensOverThePicture() throws {
      let window = try window()
      _ = try window.menu()
      let bar = try #require(try window.place(of: nil, role: "toggle button"))
      let first = try #require(try window.place(of: "Send Ctrl+Alt+Del", role: "menu item"))
      #expect(first.y > bar.y + bar.height && first.y < bar.y + bar.height + 30, "\(bar) \(first)")
      window.program.terminate()
      #expect(try window.program.finish().status == 0)
    }

    @Test func soundAndMicrophoneAreTurned() throws {
      let window = try window("switches=yes")
      let first = try marks(window)
      #expect(first.all.contains("Sound") && first.all.contains("Microphone"))
      #expect(first.on == ["Sound", "Fit the window"])
      try window.press("Sound")
      #expect(try marks(window).on == ["Fit the window"])
      try window.press("Microphone")
      #expect(try marks(window).on == ["Microphone", "Fit the window"])
      try window.wait {
        try !window.screen.windows(titled: "sound off — microphone on — swift-vgpu").isEmpty
      }
      window.program.terminate()
      let output = String(decoding: try window.program.finish().output, as: UTF8.self)
      let turned = output.split(separator: "\n").filter { $0.contains("e=") || $0.contains("r=") }
      #expect(turned.contains("speaker=false") && turned.contains("microphone=true"), "\(turned)")
    }

    /// The next window of the guest begins as this one was left.
    @Test func thePicturesSizeIsRemembered() throws {
      let state = FileManager.default.temporaryDirectory
        .appendingPathComponent("state-\(UUID().uuidString)").path
      defer { try? FileManager.default.removeItem(atPath: state) }
      for before in ["Fit the window", "One to one"] {
        let window = try Accessible("vgpu", ["view", "demo"]) { _ in ["XDG_STATE_HOME": state] }
        try window.wait { try !window.screen.windows(titled: "swift-vgpu").isEmpty }
        try window.screen.xdotool("mousemove", "300", "200")
        #expect(try marks(window).on == [before])
        try window.press("One to one")
        try window.wait {
          (try? String(contentsOfFile: "\(state)/vgpu/guests.json", encoding: .utf8))?
            .contains(#""scale" : "1:1""#) == true
        }
        window.program.terminate()
        #expect(try window.program.finish().status == 0)
      }
    }

    /// A guest that takes no keys is sent none.
    @Test func whatCannotBeDoneIsGrey() throws {
      let window = try window("input=none")
      _ = try marks(window)
      let parts = try window.parts()
      for (name, isGrey) in [
        ("Send Ctrl+Alt+Del", true), ("Grab keyboard and mouse", true), ("Save the picture", false),
        ("Keyboard shortcuts", false),
      ] {
        let part = try #require(parts.first { $0[1] == name }, "\(parts)")
        #expect(part[3].contains("insensitive") == isGrey, "\(part)")
      }
    }

    @Test func shortcutsAndProgramHaveWindows() throws {
      let window = try window("switches=yes")
      _ = try marks(window)
      try window.press("Keyboard shortcuts")
      try window.wait {
        try Set(window.names("label")).isSuperset(of: ["Open the menu", "Cancel it"])
      }
      try window.key("Escape")
      try window.wait { try !window.names("label").contains("Open the menu") }
      _ = try marks(window)
      try window.press("About swift-vgpu")
      try window.wait { try window.names("label").contains("7.8.9") }
      try window.key("Escape")
      try window.wait { try !window.names("label").contains("7.8.9") }
      window.program.terminate()
      #expect(try window.program.finish().status == 0)
    }
  }
}
