// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import Testing

extension RigTests {
  /// From the keyboard to the guest's screen: what xdotool does at the display server is read off
  /// the picture that the viewer's window shows there, of what a real guest's kernel was told.
  @Suite struct TypingTests {
    private static let mode = (width: 640, height: 480)

    /// Keys that QEMU's PS/2 keyboard has no scan code for, in 7.2 and in 10.0.
    private static let notOfPS2: Set<Int> = [
      101, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139,  // KEY_LINEFEED, AGAIN to MENU
      122, 123,  // KEY_HANGEUL, KEY_HANJA
      186, 187, 188, 189, 190, 191, 192, 193, 194,  // KEY_F16 to KEY_F24
    ]
    /// Keys that QEMU 7.2 has no name for.
    private static let notOf72: Set<Int> = [183, 184, 185]  // KEY_F13 to KEY_F15

    /// Has a QEMU 7.2 with PS/2 and a USB tablet, and `vgpu view` on it.
    private func withWindow(_ kind: Desktop.Kind, _ body: (GuestWindow) throws -> Void) throws {
      let desktop = try Desktop(kind)
      try Rig.withVGPU("mbochs-medium") { vGPU in
        let guest = try LinuxGuest(vGPU)
        defer { guest.qemu.kill() }
        let viewer = try Child(
          "vgpu",
          [
            "view", "\(vGPU.uuid)", "--qmp", guest.socket, "--scale", "1:1", "--resolution",
            "\(Self.mode.width)x\(Self.mode.height)",
          ], environment: desktop.environment)
        defer { viewer.kill() }
        let window = try GuestWindow(
          desktop, viewer, width: Self.mode.width, height: Self.mode.height)
        try body(window)
        #expect(viewer.isRunning)
      }
    }

    @Test func everythingOnX() throws {
      try withWindow(.xvfb) { window in
        try clicks(window)
        try drag(window)
        try wheel(window)
        try sideways(window)
        try everyKey(
          window,
          GuestWindow.keys.filter { !Self.notOfPS2.contains($0) && !Self.notOf72.contains($0) })
        try grab(window)
        try focusLoss(window)
        try reboot(window)
      }
    }

    /// GDK passes nothing on of Wayland's keys that mean nothing in the host's layout, which is the
    /// US one here; those are left out.
    @Test func theSameOnWayland() throws {
      let unnamed: Set = [85, 89, 95, 112, 124, 141, 146, 160, 170, 175, 176, 189]
      try withWindow(.weston) { window in
        try clicks(window)
        try drag(window)
        try wheel(window)
        try everyKey(
          window,
          GuestWindow.keys.filter {
            !Self.notOfPS2.contains($0) && !Self.notOf72.contains($0) && !unnamed.contains($0)
          })
        try focusLoss(window)
      }
    }

    /// `vgpu run`'s guest, which has virtio's keyboard and tablet, in the newer QEMU.
    @Test func whatOnlyVirtioHas() throws {
      let qemu = try #require(LaunchTests.programs.last)
      let linux = try Child("\(QEMUTests.rig)/prepare", ["--path", "linux"]).end()
      let folder = String(decoding: linux.output, as: UTF8.self)
        .trimmingCharacters(in: .whitespacesAndNewlines)
      let commandLine = try String(contentsOfFile: "\(folder)/cmdline", encoding: .utf8)
      let desktop = try Desktop(.xvfb)
      try Rig.withVGPU("mbochs-medium") { vGPU in
        let viewer = try Child(
          "vgpu",
          [
            "run", "--vgpu", "\(vGPU.uuid)", "--qemu", qemu.0, "--machine", "pc", "--memory",
            "192M",
            "--cpus", "1", "--scale", "1:1", "--resolution",
            "\(Self.mode.width)x\(Self.mode.height)", "--", "-kernel", "\(folder)/vmlinuz",
            "-initrd", "\(folder)/initramfs", "-append",
            commandLine.trimmingCharacters(in: .whitespacesAndNewlines),
          ], environment: desktop.environment)
        defer {
          viewer.kill()
          for pid in HostHardware().users(of: vGPU.uuid) { kill(pid, SIGKILL) }
          LaunchTests.waitUntilUnused(vGPU.uuid)
        }
        let window = try GuestWindow(
          desktop, viewer, width: Self.mode.width, height: Self.mode.height)
        try clicks(window)
        try wheel(window)
        try sideways(window)
        try everyKey(
          window,
          GuestWindow.keys.filter {
            Self.notOfPS2.contains($0) || Self.notOf72.contains($0) || $0 < 60
          })
        try grab(window)
      }
    }

    /// A domain of libvirt's, known by its name alone.
    @Test func aDomainOfLibvirt() throws {
      let desktop = try Desktop(.xvfb)
      try Rig.withVGPU("mbochs-medium") { vGPU in
        let libvirt = try LibvirtTests.Daemon([vGPU])
        defer { libvirt.remove("typing") }
        try libvirt.defineLinux("typing", vGPU.uuid)
        try libvirt.virsh("start", "typing")
        let viewer = try Child(
          "vgpu",
          [
            "view", "libvirt:typing", "--scale", "1:1", "--resolution",
            "\(Self.mode.width)x\(Self.mode.height)",
          ], environment: desktop.environment.merging(["LIBVIRT_DEFAULT_URI": libvirt.uri]) { $1 })
        defer { viewer.kill() }
        let window = try GuestWindow(
          desktop, viewer, width: Self.mode.width, height: Self.mode.height)
        try clicks(window)
        try wheel(window)
        try everyKey(window, Array(1...58) + Array(102...111))
        try reboot(window)
      }
    }

    /// Each key is pressed once and released once, under its own number, and no other is.
    private func everyKey(_ window: GuestWindow, _ keys: [Int]) throws {
      let before = window.board
      try window.type(keys)
      let board = try window.expect("\(keys)") { board in
        keys.allSatisfy { board.key($0).releases == before.key($0).releases + 1 }
      }
      for key in keys {
        let old = before.key(key)
        #expect(board.key(key) == (old.presses + 1, old.releases + 1, false), "key \(key)")
      }
      let others = Set(board.touched).subtracting(before.touched).subtracting(keys)
      #expect(others.isEmpty, "\(others)")
    }

    /// The guest's pixel that a place is on, as a guest reckons.
    private func pixel(_ board: InputBoard) -> (x: Int, y: Int) {
      ((board.absolute.x * board.mode.width) >> 15, (board.absolute.y * board.mode.height) >> 15)
    }

    private func clicks(_ window: GuestWindow) throws {
      // Weston draws a pointer, which must not lie on the board.
      let corner = window.desktop.kind == .xvfb ? (0, 0) : (0, 479)
      let clicks = [
        (corner.0, corner.1, "1", EventCode.left), (639, 479, "2", EventCode.middle),
        (320, 240, "3", EventCode.right), (639, 0, "1", EventCode.left),
        (17, 401, "1", EventCode.left),
      ]
      for (x, y, button, code) in clicks {
        let count = window.board.key(code).presses + 1
        try window.pointAt(x, y)
        try window.desktop.xdotool("click", button)
        let board = try window.expect("button \(button) at \(x), \(y)") {
          $0.key(code).releases == count && pixel($0) == (x, y)
        }
        #expect(board.key(code) == (count, count, false))
      }
    }

    private func drag(_ window: GuestWindow) throws {
      try window.pointAt(300, 100)
      try window.desktop.xdotool("mousedown", "1")
      let pressed = try window.expect("pressed") {
        $0.key(EventCode.left).isDown && pixel($0) == (300, 100)
      }
      for step in 1...10 { try window.pointAt(300 + 20 * step, 100 + 30 * step) }
      let dragged = try window.expect("dragged") { pixel($0) == (500, 400) }
      #expect(dragged.key(EventCode.left) == pressed.key(EventCode.left))
      try window.desktop.xdotool("mouseup", "1")
      let released = try window.expect("released") { !$0.key(EventCode.left).isDown }
      #expect(pixel(released) == (500, 400))
    }

    private func wheel(_ window: GuestWindow) throws {
      try window.desktop.xdotool("click", "--repeat", "5", "--delay", "30", "4")
      try window.expect("up") { $0.wheel == 5 }
      try window.desktop.xdotool("click", "--repeat", "7", "--delay", "30", "5")
      let down = try window.expect("down") { $0.wheel == -2 }
      #expect(down.horizontalWheel == 0)
    }

    /// What the tablet cannot tell: the PS/2 mouse does, and the tablet has the rest as before.
    private func sideways(_ window: GuestWindow) throws {
      try window.desktop.xdotool("click", "--repeat", "4", "--delay", "40", "7")
      try window.desktop.xdotool("click", "--repeat", "6", "--delay", "40", "6")
      try window.expect("to the left") { $0.horizontalWheel == -2 }
      for (button, code) in [("8", EventCode.side), ("9", EventCode.extra)] {
        try window.desktop.xdotool("mousedown", button)
        try window.expect("button \(button)") { $0.key(code) == (1, 0, true) }
        try window.desktop.xdotool("mouseup", button)
        try window.expect("button \(button)") { $0.key(code) == (1, 1, false) }
      }
      let wheel = window.board.wheel
      try window.pointAt(123, 234)
      try window.desktop.xdotool("click", "4")
      let board = try window.expect("a place") { pixel($0) == (123, 234) && $0.wheel == wheel + 1 }
      #expect(board.relative == (0, 0))
    }

    private func grab(_ window: GuestWindow) throws {
      let before = window.board
      try window.desktop.xdotool("key", "--delay", "50", "ctrl+alt+g")
      usleep(500_000)
      // Further than the window reaches, and slower than the pointer's way back to its middle.
      for _ in 0..<20 {
        try window.desktop.xdotool("mousemove_relative", "--", "-50", "30")
        usleep(30_000)
      }
      let moved = try window.expect("motion") {
        $0.relative == (before.relative.x - 1000, before.relative.y + 600)
      }
      #expect(moved.absolute == before.absolute, "a grabbed mouse tells its motion only")
      for code in [EventCode.leftControl, EventCode.leftAlt] {
        #expect(!moved.key(code).isDown && moved.key(code).presses > before.key(code).presses)
      }
      #expect(moved.key(EventCode.g) == before.key(EventCode.g), "G is the window's")
      try window.desktop.xdotool("key", "--delay", "50", "ctrl+alt+g")
      usleep(500_000)
      try window.pointAt(400, 300)
      let free = try window.expect("a place again") { pixel($0) == (400, 300) }
      #expect(free.relative == moved.relative)
    }

    private func focusLoss(_ window: GuestWindow) throws {
      let count = window.board.key(EventCode.b).presses + 1
      try window.desktop.xdotool("keydown", "\(EventCode.b + 8)")
      try window.expect("B held") { $0.key(EventCode.b).isDown }
      let other = try window.desktop.takeFocusAway()
      defer { other.kill() }
      let released = try window.expect("B let go") { !$0.key(EventCode.b).isDown }
      #expect(released.key(EventCode.b) == (count, count, false))
      try window.desktop.xdotool("keyup", "\(EventCode.b + 8)")
    }

    /// By the menu, whose first line it is: the guest's board begins anew.
    private func reboot(_ window: GuestWindow) throws {
      // The window that had the keyboard is gone.
      try window.pointAt(320, 300)
      try window.desktop.xdotool("key", "--delay", "50", "ctrl+alt+m")
      usleep(700_000)
      try window.desktop.xdotool("key", "--delay", "100", "Down", "Return")
      let board = try window.expect("a new board", seconds: 150) { $0.touched.isEmpty }
      #expect(board.wheel == 0 && board.relative == (0, 0))
      #expect(board.mode == Self.mode, "the monitor is still there")
      try everyKey(window, [EventCode.a])
    }

    /// The window's size becomes the guest's, to the pixel.
    @Test func guestFollowsTheWindowsSize() throws {
      let desktop = try Desktop(.xvfb, size: "1100x880")
      try Rig.withVGPU("mbochs-medium") { vGPU in
        let guest = try LinuxGuest(vGPU)
        defer { guest.qemu.kill() }
        let viewer = try Child(
          "vgpu", ["view", "\(vGPU.uuid)", "--qmp", guest.socket],
          environment: desktop.environment)
        defer { viewer.kill() }
        let window = try GuestWindow(desktop, viewer, width: 1024, height: 768)
        let name = try desktop.xdotool("search", "--name", "swift-vgpu")
        let id = try #require(name.split(separator: "\n").last.map(String.init))
        let geometry = try desktop.xdotool("getwindowgeometry", "--shell", id)
        func number(_ key: String) throws -> Int {
          let line = try #require(geometry.split(separator: "\n").first { $0.hasPrefix(key) })
          return try #require(Int(line.dropFirst(key.count)))
        }
        // What of the window is not the guest's.
        let frame = (x: try number("WIDTH=") - 1024, y: try number("HEIGHT=") - 768)
        for (width, height) in [(800, 600), (906, 702), (640, 480)] {
          try desktop.xdotool("windowsize", id, "\(width + frame.x)", "\(height + frame.y)")
          try window.expect("\(width)x\(height)", seconds: 40) { $0.mode == (width, height) }
        }
      }
    }
  }
}
