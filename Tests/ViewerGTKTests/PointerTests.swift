// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing
import VGPUDisplay

extension WindowTests {
  /// A guest's pointer as the host's, with a real guest that has one on a plane of its own.
  @Suite(.needs("qemu-system-x86_64"), .timeLimit(.minutes(15)), .onOwnThread) struct PointerTests {
    /// The X server's pointer.
    private struct HostLook: Equatable {
      var width = 0
      var hotspot = [0, 0]
      var pixels: [UInt32] = []

      /// Whether nothing is to be seen of it.
      var isHidden: Bool { pixels.allSatisfy { $0 >> 24 == 0 } }

      /// Whether it is the guest's (Rig/guests/linuxguest/init.c), each pixel of it.
      func isGuests(isPressed: Bool) -> Bool {
        guard width >= 20, hotspot == [5, 3], pixels.count >= width * 28 else { return false }
        return pixels.indices.allSatisfy { index in
          let (x, y) = (index % width, index / width)
          guard x < 20, y < 28 else { return pixels[index] >> 24 == 0 }
          return pixels[index] == Self.color(x, y, isPressed)
        }
      }

      static func color(_ x: Int, _ y: Int, _ isPressed: Bool) -> UInt32 {
        let (across, down) = (UInt32(12 * x), UInt32(8 * y))
        return 0xFF00_0000
          | (isPressed ? down << 16 | across << 8 | 32 : across << 16 | down << 8 | 128)
      }
    }

    private let folder: URL

    init() throws {
      folder = FileManager.default.temporaryDirectory.appending(path: "pointer-\(UUID())")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appending(path: "Programs/pointer.c").path
      let compiled = try Program.run([
        "cc", "-Wall", "-Wextra", "-Werror", source, "-o", folder.appending(path: "pointer").path,
        "-lXfixes", "-lX11",
      ])
      try #require(compiled.code == 0, "\(compiled.text)")
    }

    private func look(on screen: Screen) throws -> HostLook {
      let (output, status) = try screen.start(folder.appending(path: "pointer").path).finish()
      try #require(status == 0)
      let words = String(decoding: output, as: UTF8.self).split(whereSeparator: \.isWhitespace)
      let numbers = words.prefix(4).compactMap { Int($0) }
      try #require(numbers.count == 4)
      return HostLook(
        width: numbers[0], hotspot: [numbers[2], numbers[3]],
        pixels: words.dropFirst(4).compactMap { UInt32($0, radix: 16) })
    }

    /// Whether the guest's pointer is in the screen's picture, where the guest's crosshair is.
    private func isDrawn(_ picture: Picture) -> Bool {
      for y in 0..<picture.height - 28 {
        for x in 0..<picture.width - 20
        where picture.color(x: x, y: y) == HostLook.color(0, 0, false) & 0xFFFFFF
          && picture.color(x: x + 19, y: y + 27) == HostLook.color(19, 27, false) & 0xFFFFFF
          && picture.color(x: x + 9, y: y + 13) == HostLook.color(9, 13, false) & 0xFFFFFF
        {
          return true
        }
      }
      return false
    }

    @Test(arguments: TestMachine.programs)
    func guestsPointerIsTheHosts(program: String) throws {
      defer { try? FileManager.default.removeItem(at: folder) }
      let screen = try Screen(.xvfb)
      let guest = try TestMachine(
        program, hasFirmware: true,
        ["-display", "dbus,p2p=yes", "-m", "192", "-device", "virtio-vga,xres=800,yres=600"]
          + ["-device", "qemu-xhci", "-device", "usb-tablet"]
          + TestMachine.linuxGuest("pointer"))
      try Screen.wait(seconds: 120) {
        InputBoard(ofGuest: try QEMUPicture.taken(at: guest.path))?.takesInput == true
      }
      let viewer = try screen.start(
        Screen.program("vgpu"), ["view", "qmp:\(guest.path)", "--scale", "1:1"])
      var origin: (x: Int, y: Int)?
      try Screen.wait(for: viewer) {
        origin = try screen.picture().flatMap { InputBoard(in: $0) }?.origin
        return origin != nil
      }
      let place = try #require(origin)
      func move(_ x: Int, _ y: Int) throws {
        try screen.xdotool("mousemove", "\(place.x + x)", "\(place.y + y)")
      }
      // A guest that gets the pointer's place: the host's pointer has the look of the guest's. An older
      // QEMU does not tell the look to who comes later, and an arrow stands for it.
      try move(400, 300)
      try Screen.wait(for: viewer) {
        let look = try look(on: screen)
        return look.isGuests(isPressed: false)
          || program == TestMachine.programs.first && look.width == 12 && look.hotspot == [0, 0]
      }
      try Screen.wait(for: viewer) {
        try screen.picture()?.contains(try QEMUPicture.taken(at: guest.path)) == true
      }
      #expect(try screen.picture().map(isDrawn) == false)
      // Another look.
      try screen.xdotool("mousedown", "1")
      try Screen.wait(for: viewer) { try look(on: screen).isGuests(isPressed: true) }
      try screen.xdotool("mouseup", "1")
      try Screen.wait(for: viewer) { try look(on: screen).isGuests(isPressed: false) }
      // A grab: the guest's pointer is in the picture, and the host's is hidden.
      try screen.xdotool("key", "ctrl+alt+g")
      try Screen.wait(for: viewer) {
        try look(on: screen).isHidden && screen.picture().map(isDrawn) == true
      }
      try screen.xdotool("key", "ctrl+alt+g")
      try move(410, 310)
      try Screen.wait(for: viewer) {
        try look(on: screen).isGuests(isPressed: false) && screen.picture().map(isDrawn) == false
      }
      // The guest ends, and the host has its own pointer again.
      guest.kill()
      try Screen.wait(for: viewer) {
        let look = try look(on: screen)
        return !look.isHidden && !look.isGuests(isPressed: false)
      }
    }
  }
}
