// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import TestSupport
import Testing

extension RigTests {
  /// From a keyboard and a mouse of the kernel's to the guest on a monitor without a compositor.
  @Suite struct KMSInputTests {
    /// A seat with a keyboard and a mouse (Programs/virtual_seat.py), which udev has looked at.
    private final class Seat {
      private let udev: Child
      private let process = Process()
      private let orders = Pipe()
      private let answers = Pipe()

      init() throws {
        udev = try Child("/lib/systemd/systemd-udevd", [])
        for _ in 0..<100 where try Program.run(["udevadm", "control", "--ping"]).code != 0 {
          usleep(100_000)
        }
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = [
          URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appending(path: "Programs/virtual_seat.py").path
        ]
        process.standardInput = orders
        process.standardOutput = answers
        try process.run()
        for _ in 0..<2 { try #require(line().hasPrefix("/dev/input/event")) }
        let settled = try Program.run(["udevadm", "settle", "--timeout=60"])
        try #require(settled.code == 0, "\(settled.text)")
      }

      deinit {
        // Not by a signal: Foundation starts processes with every signal blocked.
        try? orders.fileHandleForWriting.close()
        process.waitUntilExit()
        // With its workers, which else keep what they have inherited.
        _ = try? Program.run(["udevadm", "control", "--exit"])
        udev.kill()
      }

      private func line() -> String {
        var bytes: [UInt8] = []
        while let byte = try? answers.fileHandleForReading.read(upToCount: 1)?.first, byte != 10 {
          bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
      }

      @discardableResult
      func carryOut(_ order: String) throws -> String {
        try orders.fileHandleForWriting.write(contentsOf: Data("\(order)\n".utf8))
        return line()
      }

      func press(_ codes: Int...) throws {
        for code in codes { try carryOut("\(code) 1") }
        for code in codes.reversed() { try carryOut("\(code) 0") }
      }
    }

    @Test func theSeatIsTheGuests() throws {
      let seat = try Seat()
      try Rig.withVGPU("mbochs-medium") { vGPU in
        let monitor = try VirtualMonitor()
        let guest = try LinuxGuest(vGPU)
        defer { guest.qemu.kill() }
        func expect(
          _ what: String, location: SourceLocation = #_sourceLocation,
          _ isThere: (InputBoard) -> Bool
        ) throws {
          let board = try #require(try guest.board(until: isThere), sourceLocation: location)
          #expect(isThere(board), "\(what): \(board)", sourceLocation: location)
        }
        #expect(try seat.carryOut("free") == "yes")
        let view = try Child(
          "vgpu",
          ["view", "\(vGPU.uuid)", "--kms", "--card", monitor.card, "--qmp", guest.socket])
        defer { view.kill() }
        try expect("a board") { $0.takesInput }
        // With the first picture the seat is the viewer's alone.
        while try seat.carryOut("free") != "EBUSY" { usleep(50_000) }
        // The button that switches the host off stays the host's.
        #expect(try seat.carryOut("power") == "yes")

        try seat.press(EventCode.a)
        try expect("a key") { board in
          let key = board.key(EventCode.a)
          return key.presses == 1 && key.releases == 1
        }
        // The pointer stops at the picture's edges.
        for _ in 0..<5 { try seat.carryOut("move -9999 -9999") }
        try expect("the upper left corner") { $0.absolute.x < 64 && $0.absolute.y < 64 }
        for _ in 0..<5 { try seat.carryOut("move 9999 9999") }
        try expect("the lower right corner") { $0.absolute.x > 32_700 && $0.absolute.y > 32_700 }
        try seat.press(EventCode.left)
        try expect("a click") { $0.key(EventCode.left).releases == 1 }
        try seat.carryOut("wheel -2")
        try expect("the wheel") { $0.wheel == -2 }
        // A key that is down when the viewer ends comes up in the guest.
        try seat.carryOut("\(EventCode.b) 1")
        try expect("a key that is down") { $0.key(EventCode.b).isDown }
        try seat.press(EventCode.leftControl, EventCode.leftAlt, EventCode.backspace)
        #expect(view.end().code == 0)
        #expect(try seat.carryOut("free") == "yes")
        try expect("no key that is down") { board in
          ![EventCode.b, EventCode.leftControl, EventCode.leftAlt].contains {
            board.key($0).isDown
          } && board.key(EventCode.backspace).presses == 0
        }
      }
    }

    /// Without a device the guest is seen all the same, and the person is told.
    @Test func whoCannotTypeSees() throws {
      try Rig.withGuest("mdpy-vga", ["--fps", "0", "--first", "5"]) { vGPU, _ in
        let monitor = try VirtualMonitor()
        let view = try Child(
          "vgpu", ["view", "\(vGPU.uuid)", "--kms", "--card", monitor.card, "--seconds", "3"])
        let end = view.end()
        #expect(end.code == 0)
        #expect(end.errors.contains("nobody can type: "), "\(end.errors)")
        #expect(end.errors.contains("plug one in, or start systemd-udevd"), "\(end.errors)")
      }
    }
  }
}
