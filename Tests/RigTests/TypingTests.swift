// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import TestSupport
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
        try window.clicks()
        try window.drag()
        try window.wheel()
        try window.sideways()
        try window.everyKey(
          GuestWindow.keys.filter { !Self.notOfPS2.contains($0) && !Self.notOf72.contains($0) })
        try window.grab()
        try focusLoss(window)
        try reboot(window)
      }
    }

    /// GDK passes nothing on of Wayland's keys that mean nothing in the host's layout, which is the
    /// US one here; those are left out.
    @Test func theSameOnWayland() throws {
      let unnamed: Set = [85, 89, 95, 112, 124, 141, 146, 160, 170, 175, 176, 189]
      try withWindow(.weston) { window in
        try window.clicks()
        try window.drag()
        try window.wheel()
        try window.everyKey(
          GuestWindow.keys.filter {
            !Self.notOfPS2.contains($0) && !Self.notOf72.contains($0) && !unnamed.contains($0)
          })
        try focusLoss(window)
      }
    }

    /// `vgpu run`'s guest, which has virtio's keyboard and tablet, in the newer QEMU.
    @Test func whatOnlyVirtioHas() throws {
      let qemu = try #require(LaunchTests.programs.last)
      let desktop = try Desktop(.xvfb)
      try Rig.withVGPU("mbochs-medium") { vGPU in
        let viewer = try Child(
          "vgpu",
          [
            "run", "--vgpu", "\(vGPU.uuid)", "--qemu", qemu.0, "--machine", "pc", "--memory",
            "128M",
            "--cpus", "1", "--scale", "1:1", "--resolution",
            "\(Self.mode.width)x\(Self.mode.height)", "--",
          ] + TestMachine.linuxGuest(), environment: desktop.environment)
        defer {
          viewer.kill()
          for pid in HostHardware().users(of: vGPU.uuid) { kill(pid, SIGKILL) }
          LaunchTests.waitUntilUnused(vGPU.uuid)
        }
        let window = try GuestWindow(
          desktop, viewer, width: Self.mode.width, height: Self.mode.height)
        try window.clicks()
        try window.wheel()
        try window.sideways()
        try window.everyKey(
          GuestWindow.keys.filter {
            Self.notOfPS2.contains($0) || Self.notOf72.contains($0) || $0 < 60
          })
        try window.grab()
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
        try window.clicks()
        try window.wheel()
        try window.everyKey(Array(1...58) + Array(102...111))
        try reboot(window)
      }
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
      func windows() throws -> Int {
        try window.desktop.xdotool("search", "--onlyvisible", "--pid", "\(window.viewer.pid)")
          .split(separator: "\n").count
      }
      // The window that had the keyboard is gone; and the menu is to open beside the pointer.
      try window.pointAt(20, 460)
      let before = try windows()
      try window.desktop.xdotool("key", "--delay", "50", "ctrl+alt+m")
      let deadline = Date(timeIntervalSinceNow: 30)
      while try windows() == before, Date() < deadline { usleep(100_000) }
      // Nothing tells when the menu has the keyboard.
      usleep(1_000_000)
      try window.desktop.xdotool("key", "--delay", "100", "Down", "Return")
      let board = try window.expect("a new board", seconds: 300) {
        $0.touched.isEmpty && $0.takesInput
      }
      #expect(board.wheel == 0 && board.relative == (0, 0))
      #expect(board.mode == Self.mode, "the monitor is still there")
      try window.everyKey([EventCode.a])
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
