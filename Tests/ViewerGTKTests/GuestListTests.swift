// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing
import VGPUDisplay

/// `vgpu guests` on a screen of its own, with libvirt's driver for tests as its only libvirt, and what it
/// tells a screen reader.
final class GuestList {
  let list: Accessible

  /// - Parameters:
  ///   - program: the command.
  ///   - more: of its environment.
  init(_ program: String = "vgpu", environment more: [String: String?] = [:]) throws {
    list = try Accessible(program, ["guests"]) { folder in
      let file = folder.appendingPathComponent("host.xml")
      try Self.host.write(to: file, atomically: true, encoding: .utf8)
      return more.merging(["LIBVIRT_DEFAULT_URI": "test://\(file.path)"]) { $1 }
    }
    // X gives the keyboard to the window below the pointer.
    try screen.xdotool("mousemove", "300", "200")
  }

  var screen: Screen { list.screen }

  /// A domain that QEMU's display shows, the same without a process, and one that nobody can show.
  private static var host: String {
    func domain(_ name: String, _ more: String) -> String {
      """
      <domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
        <name>\(name)</name><uuid>\(UUID())</uuid><memory>65536</memory><os><type>hvm</type></os>\(more)
      </domain>
      """
    }
    let display = "<devices><graphics type='dbus' p2p='yes'/></devices>"
    return """
      <node>\(domain("debian-desktop", display))\(domain("headless", "<devices/>"))\
      \(domain("windows-11", "<test:runstate>5</test:runstate>\(display)"))</node>
      """
  }

  /// The chosen row.
  func chosen() throws -> String? {
    try parts().first { $0.first == "list item" && $0[3].contains("selected") }?[1]
  }

  func parts() throws -> [[String]] { try list.parts() }
  func names(_ role: String) throws -> [String] { try list.names(role) }
  func press(_ button: String) throws { try list.press(button) }
  func wait(_ condition: () throws -> Bool) throws { try list.wait(condition) }
  func key(_ keys: String...) throws { try screen.xdotool(["key"] + keys) }
  func type(_ text: String) throws { try list.type(text) }

  /// Waits until the domains are listed.
  func waitForRows() throws {
    try wait { try names("list item").contains { $0.hasPrefix("windows-11, ") } }
  }

  /// Shows the domains alone: other QEMUs of this machine come and go.
  func showDomains() throws {
    try waitForRows()
    try type("libvirt")
    let domains = ["debian-desktop, Running", "headless, Running", "windows-11, Off"]
    try wait { try names("list item") == domains && chosen() == domains[0] }
  }

  /// The rows of the domains, without those of other QEMUs on this machine.
  func domains() throws -> [String] {
    try parts().filter { $0.first == "list item" && $0[2].contains("libvirt, test:") }.map { $0[1] }
  }
}

extension WindowTests {
  /// The window without arguments, by keyboard and screen reader.
  @Suite(
    .needs("dbus-daemon", "python3"),
    Accessible.needs, .timeLimit(.minutes(15)), .onOwnThread)
  struct GuestListTests {
    @Test func everyPartHasAName() throws {
      let list = try GuestList()
      try list.showDomains()
      let parts = try list.parts()
      let buttons = parts.filter { ["push button", "toggle button"].contains($0[0]) }.map { $0[1] }
      #expect(!buttons.contains(""), "\(buttons)")
      for name in [
        "Look again", "Search", "Open debian-desktop", "Start windows-11",
        "Actions for debian-desktop", "Actions for windows-11",
      ] {
        #expect(buttons.contains(name), "\(buttons)")
      }
      #expect(!buttons.contains("Start debian-desktop"))
      let headless = try #require(parts.first { $0[1] == "headless, Running" })
      #expect(headless[2].contains("<graphics type='dbus' p2p='yes'/>"))
      #expect(parts.contains { $0[0] == "list box" && $0[1] == "Guests" })
    }

    @Test func arrowsChooseAndEscapeCloses() throws {
      let list = try GuestList()
      try list.showDomains()
      let first = try #require(try list.chosen())
      // The first one leads from the search to the list.
      try list.key("Down", "Down")
      try list.wait { try list.chosen() != first }
      try list.key("Up")
      try list.wait { try list.chosen() == first }
      // The first one ends the search.
      try list.key("Escape", "Escape")
      #expect(try list.list.program.finish().status == 0)
    }

    @Test func typingSearches() throws {
      let list = try GuestList()
      try list.waitForRows()
      try list.type("WIN 11")
      try list.wait { try list.domains() == ["windows-11, Off"] }
      try list.wait { try list.chosen() == "windows-11, Off" }
      // The first Escape ends the search, and not the list.
      try list.key("Escape")
      try list.wait { try list.domains().count == 3 }
      try list.key("ctrl+f")
      try list.type("no such guest")
      try list.wait { try list.names("label").contains("No guest has these words") }
      try list.key("ctrl+q")
      #expect(try list.list.program.finish().status == 0)
    }

    /// The window is a process of its own, and its end with an error is told.
    @Test func enterOpensAWindow() throws {
      let list = try GuestList()
      try list.waitForRows()
      try list.type("debian-desktop")
      try list.wait { try list.chosen() == "debian-desktop, Running" }
      try list.key("Return")
      var window = ""
      try list.wait {
        window =
          try list.screen.windows(titled: "^libvirt:debian-desktop.*swift-vgpu$").first ?? ""
        return !window.isEmpty
      }
      let pid = try #require(
        Int32(
          try list.screen.xdotool("getwindowpid", window)
            .trimmingCharacters(in: .whitespacesAndNewlines)))
      #expect(pid != list.list.program.pid)
      kill(pid, SIGKILL)
      try list.wait {
        try list.parts().contains {
          $0[1] == "libvirt:debian-desktop: signal 9 has ended its window"
        }
      }
      list.list.program.terminate()
      #expect(try list.list.program.finish().status == 0)
    }

    @Test func guestThatCannotBeOpenedSaysWhy() throws {
      let list = try GuestList()
      try list.waitForRows()
      try list.type("headless")
      try list.wait { try list.chosen() == "headless, Running" }
      try list.key("Return")
      try list.wait {
        try list.parts().contains {
          $0[0] == "info bar" && $0[1].contains("QEMU has no display on D-Bus")
        }
      }
      #expect(try list.screen.windows(titled: "swift-vgpu$").isEmpty)
      list.list.program.interrupt()
      #expect(try list.list.program.finish().status == 0)
    }

    @Test func domainIsStarted() throws {
      let list = try GuestList()
      try list.waitForRows()
      try list.press("Start windows-11")
      try list.wait { try list.domains().contains("windows-11, Running") }
      #expect(try !list.names("push button").contains("Start windows-11"))
    }

    /// What can be made comes as a menu, by button and key.
    @Test func newVGPUIsChosen() throws {
      let list = try Accessible("ViewerFixture", ["list=1"])
      try list.screen.xdotool("mousemove", "300", "200")
      try list.wait { try list.names("list item").count == 1 }
      try list.screen.xdotool("key", "ctrl+n")
      try list.wait { try list.names("menu item") == ["small", "large"] }
      let large = try #require(try list.parts().first { $0[1] == "large" })
      #expect(large[3].contains("insensitive"), "\(large)")
      try list.screen.xdotool("key", "Return")
      #expect(list.program.firstLine() == "make=small")
      try list.press("New virtual GPU")
      try list.wait { try list.names("menu item") == ["small", "large"] }
      list.program.terminate()
    }

    /// Machines of tests have no such GPU; the rig has.
    @Test func newVGPUNeedsAGPU() throws {
      let list = try GuestList()
      try list.waitForRows()
      try list.key("ctrl+n")
      try list.wait {
        try list.parts().contains {
          $0[0] == "info bar" && $0[1].hasPrefix("No GPU of this machine offers virtual GPUs.")
        } || !list.names("menu item").isEmpty
      }
    }

    /// The menu key opens the actions of the chosen guest.
    @Test func menuKeyHasTheActions() throws {
      let list = try GuestList()
      try list.waitForRows()
      try list.type("windows")
      try list.wait { try list.chosen() == "windows-11, Off" }
      try list.key("Down")
      try list.key("Menu")
      try list.wait {
        try Set(list.names("menu item")).isSuperset(of: ["Open", "Start", "Copy the target"])
      }
      try list.key("Down", "Return")
      try list.wait { try list.domains().contains("windows-11, Running") }
    }
  }
}
