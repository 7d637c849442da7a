// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import LinuxSystem
import MonitorEDID
import PNGFile
import QMP
import TestSupport
import Testing
import VFIO
import VGPUDisplay

/// The Linux guest of Rig/README.md on a vGPU, in a QEMU with a QMP socket.
struct LinuxGuest {
  let qemu: Child
  /// QEMU's QMP socket.
  let socket: String

  init(_ vGPU: MdevDevice, _ arguments: [String] = []) throws {
    socket = "/dev/shm/\(vGPU.uuid).qmp"
    qemu = try Child(
      "\(RigTests.QEMUTests.rig)/inside/linuxguest",
      ["\(vGPU.uuid)", "", "-qmp", "unix:\(socket),server=on,wait=off"] + arguments)
  }

  /// Reads its serial port until all these lines came, in any order.
  func wait(forLines lines: String..., location: SourceLocation = #_sourceLocation) throws {
    var missing = Set(lines)
    var seen: [String] = []
    while !missing.isEmpty {
      let line = try #require(
        try qemu.line(), "no \(missing) after \(seen): \(qemu.obituary())",
        sourceLocation: location)
      seen.append(line)
      let text = line.trimmingCharacters(in: .whitespacesAndNewlines)
      #expect(!text.hasPrefix("error"), "\(text)", sourceLocation: location)
      missing.remove(text)
    }
  }

  /// The first board that is as hoped for, by `vgpu screenshot`; the last one seen where there is
  /// none in time.
  func board(until isThere: (InputBoard) -> Bool) throws -> InputBoard? {
    var last: InputBoard?
    _ = try RigTests.QEMUTests.screenshot("pid:\(qemu.pid)") { picture in
      guard let board = InputBoard(in: picture) else { return false }
      last = board
      return isThere(board)
    }
    return last
  }
}

extension RigTests {
  /// What QEMU is told over QMP, as a real guest's kernel sees it.
  @Suite struct LinuxGuestTests {
    private static func key(_ code: String, _ isDown: Bool) -> JSONValue {
      [
        "type": "key",
        "data": ["down": .bool(isDown), "key": ["type": "qcode", "data": .string(code)]],
      ]
    }

    private static func button(_ name: String, _ isDown: Bool) -> JSONValue {
      ["type": "btn", "data": ["down": .bool(isDown), "button": .string(name)]]
    }

    private static func move(_ type: String, _ axis: String, _ value: Int64) -> JSONValue {
      ["type": .string(type), "data": ["axis": .string(axis), "value": .integer(value)]]
    }

    @Test func inputMonitorRebootAndPowerButton() async throws {
      let host = HostHardware()
      let vGPU = try host.create(type: "mbochs-medium")
      let guest = try LinuxGuest(vGPU)
      defer {
        guest.qemu.kill()
        #expect(throws: Never.self) { try host.remove(vGPU.uuid) }
      }
      let inputs = [
        "AT Translated Set 2 keyboard", "ImExPS/2 Generic Explorer Mouse", "QEMU QEMU USB Tablet",
        "Power Button",
      ].map { "input \($0)" }
      try guest.wait(forLines: "board 1024x768", inputs[0], inputs[1], inputs[2], inputs[3])
      let qmp = try await QMPClient(path: guest.socket)
      func send(_ events: JSONValue...) async throws {
        try await qmp.execute("input-send-event", arguments: ["events": .array(events)])
      }

      let untouched = try #require(try guest.board { _ in true })
      #expect(untouched.origin == (0, 0) && untouched.mode == (1024, 768))
      #expect(untouched.touched.isEmpty && untouched.absolute == (0, 0))

      try await send(Self.key("a", true))
      try await send(Self.key("ctrl_r", true), Self.key("ctrl_r", false))
      try await send(Self.key("pause", true))
      try await send(Self.key("pause", false))
      try await send(Self.move("abs", "x", 12345), Self.move("abs", "y", 23456))
      try await send(Self.button("right", true))
      try await send(Self.button("wheel-up", true))
      try await send(Self.button("wheel-up", false))
      try await send(Self.move("rel", "x", 40), Self.move("rel", "y", -30))
      let pressed = try #require(
        try guest.board {
          $0.key(KEY.pause).releases == 1 && $0.absolute == (12345, 23456)
            && $0.key(KEY.rightButton).isDown && $0.wheel == 1 && $0.relative == (40, -30)
        })
      #expect(pressed.touched == [KEY.a, KEY.rightCtrl, KEY.pause, KEY.rightButton])
      #expect(pressed.key(KEY.a) == (1, 0, true))
      #expect(pressed.key(KEY.rightCtrl) == (1, 1, false))
      #expect(pressed.key(KEY.rightButton) == (1, 0, true))
      #expect(pressed.absolute == (12345, 23456) && pressed.relative == (40, -30))
      #expect(pressed.wheel == 1 && pressed.horizontalWheel == 0)

      try await send(Self.key("a", false))
      try await send(Self.button("right", false))
      try await send(Self.button("wheel-down", true))
      try await send(Self.button("wheel-down", false))
      let released = try #require(
        try guest.board {
          $0.wheel == 0 && !$0.key(KEY.rightButton).isDown && !$0.key(KEY.a).isDown
        })
      #expect(released.key(KEY.a) == (1, 1, false))
      #expect(released.key(KEY.rightButton) == (1, 1, false) && released.wheel == 0)

      try Self.plugIn(DisplayMode(width: 800, height: 600), to: guest.qemu.pid)
      try guest.wait(forLines: "board 800x600")
      let smaller = try #require(try guest.board { $0.mode == (800, 600) })
      #expect(smaller.mode == (800, 600) && smaller.touched == pressed.touched)

      try await send(Self.key("ctrl", true), Self.key("alt", true), Self.key("delete", true))
      try guest.wait(forLines: "board 800x600", inputs[3])
      let rebooted = try #require(try guest.board { $0.touched.isEmpty })
      #expect(rebooted.touched.isEmpty && rebooted.wheel == 0)

      try await qmp.execute("system_powerdown")
      try guest.wait(forLines: "power button")
      #expect(guest.qemu.end().code == 0)
    }

    /// Codes of linux/input-event-codes.h.
    private enum KEY {
      static let a = 30
      static let rightCtrl = 97
      static let pause = 119
      static let rightButton = 0x111
    }

    /// Exchanges the monitor of the vGPU that a QEMU holds.
    private static func plugIn(_ mode: DisplayMode, to pid: Int32) throws {
      let descriptor = try #require(
        try ProcessDevices.descriptors(of: RunningProcess(pid)).first { $0.target == .device })
      let device = try Device(
        duplicating: descriptor.number, of: RunningProcess(pid), name: "guest")
      let found = try device.monitorPort()
      guard let port = consume found else {
        Issue.record("mbochs has an EDID region")
        return
      }
      try port.setLink(up: false)
      try port.setEDID(try EDID(mode: mode).bytes)
      try port.setLink(up: true)
    }
  }
}
