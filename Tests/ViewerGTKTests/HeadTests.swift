// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing
import VGPUDisplay

extension WindowTests {
  /// `vgpu view --head all`, with a real QEMU's heads.
  @Suite(.needs("qemu-system-x86_64"), .timeLimit(.minutes(15))) struct HeadTests {
    private static let two = ["-device", "VGA,id=first", "-device", "bochs-display,id=second"]

    private func machine(
      _ program: String, _ devices: [String], replacing old: TestMachine? = nil
    ) throws -> TestMachine {
      try TestMachine(
        program, replacing: old, hasFirmware: true, ["-display", "dbus,p2p=yes"] + devices)
    }

    /// The window of a head; `nil` when there is none.
    private func window(_ head: Int, on screen: Screen) throws -> String? {
      try screen.windows(titled: ", head \(head) — ").first
    }

    /// The button in the title bar's corner.
    private func clickCloseButton(of head: Int, on screen: Screen) throws {
      let window = try #require(try window(head, on: screen))
      try screen.xdotool("windowmove", window, "0", "0", "windowraise", window)
      let geometry = try screen.xdotool("getwindowgeometry", "--shell", window)
      let width = try #require(
        geometry.split(separator: "\n").first { $0.hasPrefix("WIDTH=") }.flatMap {
          Int($0.dropFirst(6))
        })
      try screen.xdotool("mousemove", "\(width - 24)", "24", "click", "1")
    }

    /// Waits until the firmware has set its mode.
    private func boot(_ machine: TestMachine) async throws {
      while try await QEMUPicture.take(at: machine.path, "first").width != 720 {
        try await Task.sleep(for: .milliseconds(100))
      }
    }

    /// Waits until a head's window shows QEMU's own picture of a device.
    private func expectShown(
      _ machine: TestMachine, _ device: String, in head: Int, on screen: Screen,
      location: SourceLocation = #_sourceLocation
    ) async throws {
      let window = try #require(try window(head, on: screen), sourceLocation: location)
      try screen.xdotool("windowmove", window, "0", "0", "windowraise", window)
      let deadline = Date(timeIntervalSinceNow: 60)
      while Date() < deadline {
        let own = try await QEMUPicture.take(at: machine.path, device)
        if try screen.picture()?.contains(own) == true { return }
        try await Task.sleep(for: QEMUPicture.untilNextLook)
      }
      Issue.record("\(device): not shown pixel for pixel", sourceLocation: location)
    }

    @Test(arguments: TestMachine.programs)
    func eachHeadHasAWindowAsLongAsItIsThere(program: String) async throws {
      let screen = try Screen(.xvfb)
      let first = try machine(program, Self.two)
      try await boot(first)
      let viewer = try screen.start(
        Screen.program("vgpu"), ["view", "qmp:\(first.path)", "--head", "all"])
      try Screen.wait(for: viewer) {
        try window(0, on: screen) != nil && window(1, on: screen) != nil
      }
      try await expectShown(first, "first", in: 0, on: screen)
      try await expectShown(first, "second", in: 1, on: screen)

      // The same guest with one device less.
      first.kill()
      let smaller = try machine(program, ["-device", "VGA,id=first"], replacing: first)
      try Screen.wait(for: viewer) { try window(1, on: screen) == nil }
      try await expectShown(smaller, "first", in: 0, on: screen)

      smaller.kill()
      let larger = try machine(program, Self.two, replacing: first)
      try Screen.wait(for: viewer) { try window(1, on: screen) != nil }
      try await expectShown(larger, "second", in: 1, on: screen)
      try await expectShown(larger, "first", in: 0, on: screen)
      viewer.terminate()
      #expect(try viewer.finish().status == 0)
    }

    /// The window says that another program has the display, and Enter takes it back.
    @Test func theDisplayIsTakenBack() async throws {
      let screen = try Screen(.xvfb)
      let machine = try machine(#require(TestMachine.programs.first), ["-device", "VGA,id=first"])
      try await boot(machine)
      let target = "qmp:\(machine.path)"
      let viewer = try screen.start(Screen.program("vgpu"), ["view", target, "--head", "0"])
      try Screen.wait(for: viewer) { try window(0, on: screen) != nil }
      try await expectShown(machine, "first", in: 0, on: screen)
      // X gives the keyboard to the window below the pointer.
      try screen.xdotool("mousemove", "300", "200")

      let other = try screen.start(Screen.program("vgpu"), ["info", target, "--heads"])
      #expect(try other.finish().status == 0)
      try Screen.wait(for: viewer) { try screen.showsMessage }
      try screen.xdotool("key", "Return")
      try await expectShown(machine, "first", in: 0, on: screen)
      viewer.terminate()
      #expect(try viewer.finish().status == 0)
    }

    /// A window that the user has closed stays closed, and the last one ends the program.
    @Test func aClosedWindowLetsTheOthersBe() async throws {
      let screen = try Screen(.xvfb)
      let machine = try machine(#require(TestMachine.programs.first), Self.two)
      try await boot(machine)
      let viewer = try screen.start(
        Screen.program("vgpu"), ["view", "qmp:\(machine.path)", "--head", "all"])
      try Screen.wait(for: viewer) {
        try window(0, on: screen) != nil && window(1, on: screen) != nil
      }
      // A window that just takes the guest's size has its button elsewhere when the click comes.
      try await expectShown(machine, "first", in: 0, on: screen)
      try clickCloseButton(of: 0, on: screen)
      try Screen.wait(for: viewer) { try window(0, on: screen) == nil }
      try await expectShown(machine, "second", in: 1, on: screen)
      try clickCloseButton(of: 1, on: screen)
      #expect(try viewer.finish().status == 0)
    }
  }
}
