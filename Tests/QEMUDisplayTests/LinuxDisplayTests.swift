// SPDX-License-Identifier: Apache-2.0

import Foundation
import GuestControl
import GuestInput
import LinuxSystem
import QMP
import TestSupport
import Testing
import VGPUDisplay

@testable import QEMUDisplay

/// A Linux guest that shows what it is told (Rig/README.md, "The input board"), by QEMU's display.
@Suite(.needs("qemu-system-x86_64"), .timeLimit(.minutes(15)), .onOwnThread, .serialized)
struct LinuxDisplayTests {
  static let devices = ["bochs-display", "virtio-vga"]

  private func guest(
    _ program: String, _ device: String, serial: String = "none", touchScreen: Bool = false
  ) throws -> DisplayGuest {
    return try DisplayGuest(
      program,
      [
        "-m", "192", "-device", device, "-device", "qemu-xhci", "-device", "usb-tablet", "-serial",
        serial,
      ] + TestMachine.linuxGuest() + (touchScreen ? ["-device", "virtio-multitouch-pci"] : []))
  }

  /// Fingers reach a guest with a touch screen, by the display and by QMP. QEMU has such a device since 8.1.
  @Test func fingersReachATouchScreen() async throws {
    let newer = try #require(TestMachine.rigPart("qemu"), "Rig/prepare qemu")
    let file = FileManager.default.temporaryDirectory.appending(path: "serial-\(UUID())")
    defer { try? FileManager.default.removeItem(at: file) }
    let guest = try guest(
      "\(newer)/usr/bin/qemu-system-x86_64", "virtio-vga", serial: "file:\(file.path)",
      touchScreen: true)
    func lines() throws -> [String] {
      try String(contentsOf: file, encoding: .utf8).split(whereSeparator: \.isNewline).map(
        String.init)
    }
    let source = try await guest.source()
    try await eventually { try lines().contains("input QEMU Virtio MultiTouch") }
    try await board(source, "a board") { $0.takesInput }
    let control = GuestController(.socket(guest.qmp))
    for input in [source.input, control as any InputSink] {
      try await eventually {
        if case .ready(let devices) = input.state { devices.contains(.touchScreen) } else { false }
      }
      let before = try lines().count
      let places = [(0, 0), (16384, 8192), (32767, 32767)]
      input.send(.touchDown(slot: 0, x: places[1].0, y: places[1].1))
      input.send(.touchDown(slot: 1, x: places[0].0, y: places[0].1))
      input.send(.touchUp(slot: 0))
      input.send(.touchMove(slot: 1, x: places[2].0, y: places[2].1))
      // A finger that touches nothing does nothing.
      #expect(input.send(.touchMove(slot: 2, x: 1, y: 1)) != .taken)
      // What is held is released.
      input.releaseAll()
      try await eventually { try lines().count >= before + 5 }
      let told = try lines()[before...].map { $0.split(separator: " ").map(String.init) }
      #expect(told.map { $0[1] } == ["0", "1", "0", "1", "1"])
      #expect(told[2][2] == "gone" && told[4][2] == "gone")
      for (line, place) in [(told[0], places[1]), (told[1], places[0]), (told[3], places[2])] {
        // QEMU's display takes pixels, here of 1280 by 800.
        #expect(abs((Int(line[2]) ?? -99) - place.0) <= 52, "\(line)")
        #expect(abs((Int(line[3]) ?? -99) - place.1) <= 82, "\(line)")
      }
    }
    await control.close()
  }

  /// A guest without a touch screen says so, and a window makes a pointer of the finger.
  @Test(arguments: TestMachine.programs)
  func guestsWithoutATouchScreenSaySo(program: String) async throws {
    let guest = try DisplayGuest(program, ["-S", "-device", "virtio-gpu-pci"])
    let source = try await guest.source()
    guard case .ready(let devices) = source.input.state else { return #expect(Bool(false)) }
    #expect(!devices.contains(.touchScreen))
  }

  /// The first board that is as hoped for.
  @discardableResult
  private func board(
    _ source: QEMUDisplaySource, _ what: String, seconds: Double = 240,
    location: SourceLocation = #_sourceLocation, until isThere: (InputBoard) -> Bool
  ) async throws -> InputBoard {
    let deadline = Date(timeIntervalSinceNow: seconds)
    var last = "no frame"
    while Date() < deadline {
      switch source.poll() {
      case .noPicture(let reason): last = "\(reason)"
      case .frame(let frame):
        if let board = InputBoard(ofGuest: try Picture(copying: frame.primary)) {
          if isThere(board) { return board }
          last = "\(board)"
        } else {
          last = "no board"
        }
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    return try #require(nil, "\(what): \(last)", sourceLocation: location)
  }

  private func type(_ keys: [UInt16], _ input: any InputSink) {
    for key in keys {
      input.send(.key(Keycode(rawValue: key), down: true))
      input.send(.key(Keycode(rawValue: key), down: false))
    }
  }

  @Test(arguments: TestMachine.programs, devices)
  func everythingAPersonDoesReachesTheGuest(program: String, device: String) async throws {
    let guest = try guest(program, device)
    let source = try await guest.source()
    let first = try await board(source, "a board") { $0.takesInput && $0.touched.isEmpty }
    let input = source.input
    try await eventually {
      if case .ready(let devices) = input.state { devices.contains(.tablet) } else { false }
    }

    // A guest's keyboard holds 16 bytes, and a busy machine's guest takes its time to read them.
    let keys: [UInt16] = Array(2...13) + Array(16...27) + [57, 103, 105, 106, 108, 97, 111]
    var typed = first
    for start in stride(from: 0, to: keys.count, by: 3) {
      let some = Array(keys[start..<min(start + 3, keys.count)])
      type(some, input)
      typed = try await board(source, "typed") { board in
        some.allSatisfy { board.key(Int($0)).releases == 1 }
      }
    }
    for key in keys { #expect(typed.key(Int(key)) == (1, 1, false)) }
    #expect(Set(typed.touched) == Set(keys.map(Int.init)))

    // Places to the pixel, but the last column and row, which QEMU's display cannot name.
    let (width, height) = first.mode
    for (x, y) in [(0, 0), (width / 2, height / 3), (17, height - 2), (width - 2, 1)] {
      let place = GuestInputEvent.absolute(
        x: (2 * x + 1) * 32768 / (2 * width), y: (2 * y + 1) * 32768 / (2 * height))
      input.send(place)
      let board = try await board(source, "at \(x), \(y)") {
        ($0.absolute.x * width) >> 15 == x && ($0.absolute.y * height) >> 15 == y
      }
      #expect(board.relative == (0, 0))
    }
    input.send(.button(.left, down: true))
    let pressed = try await board(source, "pressed") { $0.key(0x110).isDown }
    input.send(.button(.left, down: false))
    input.send(.wheel(.vertical, notches: 3))
    input.send(.wheel(.vertical, notches: -5))
    try await board(source, "turned") { !$0.key(0x110).isDown && $0.wheel == 2 }

    // What a tablet cannot tell goes to the PS/2 mouse, over QMP for as long as it takes.
    // Nothing is lost while QMP is being connected to.
    #expect(input.send(.relative(dx: 1, dy: 0)) == .taken)
    input.send(.relative(dx: 41, dy: -7))
    input.send(.button(.side, down: true))
    let moved = try await board(source, "moved") {
      $0.relative == (42, -7) && $0.key(0x113).isDown
    }
    #expect(moved.absolute == pressed.absolute)
    input.send(.wheel(.horizontal, notches: -2))
    input.releaseAll()
    try await board(source, "turned sideways") { !$0.key(0x113).isDown && $0.horizontalWheel == -2 }

    // What is held is released when the source goes.
    input.send(.key(Keycode(rawValue: 30), down: true))
    try await board(source, "held") { $0.key(30).isDown }
    input.releaseAll()
    try await board(source, "let go") { $0.key(30) == (1, 1, false) }
  }

  /// The machine's reset is seen, and input goes on.
  @Test(arguments: TestMachine.programs) func reset(program: String) async throws {
    let guest = try guest(program, "bochs-display")
    let source = try await guest.source()
    try await board(source, "a board") { $0.takesInput }
    type([30], source.input)
    try await board(source, "typed") { $0.key(30).releases == 1 }
    let qmp = try await QMPClient(path: guest.qmp)
    try await qmp.execute(SystemReset())
    await qmp.close()
    try await board(source, "a new board") { $0.takesInput && $0.touched.isEmpty }
    type([31], source.input)
    try await board(source, "typed again") { $0.key(31).releases == 1 }
  }

  /// A virtio GPU gives its guest another size, to the pixel, and the second head another picture.
  @Test(arguments: TestMachine.programs) func sizeAndHeads(program: String) async throws {
    let guest = try guest(program, "virtio-vga,max_outputs=2")
    let source = try await guest.source()
    #expect(source.consoles.map(\.head) == [0, 1])
    try await board(source, "a board") { $0.takesInput }
    let picture = try await guest.expectSamePicture(source) { InputBoard(ofGuest: $0) != nil }
    #expect(picture.width > 200)
    await #expect(throws: QEMUDisplayError.self) { try await guest.source(head: 2) }
  }

  /// A further output has a monitor as long as somebody wants a size of it.
  @Test(arguments: TestMachine.programs) func monitorOfAFurtherOutput(program: String) async throws
  {
    let file = FileManager.default.temporaryDirectory.appending(path: "serial-\(UUID())")
    defer { try? FileManager.default.removeItem(at: file) }
    let guest = try guest(program, "virtio-vga,max_outputs=2", serial: "file:\(file.path)")
    let first = try await guest.source()
    try await board(first, "a board") { $0.takesInput }
    func hasSaid(_ line: String) throws -> Bool {
      try String(contentsOf: file, encoding: .utf8).contains("\(line)\r\n")
    }
    #expect(try !hasSaid("output 1"))
    let second = try QEMUDisplaySource(first.client, head: 1)
    try await second.firstConnection()
    try second.resize(to: PixelSize(width: 800, height: 600))
    try await eventually { try hasSaid("output 1 800x600") }
    try second.resize(to: PixelSize(width: 0, height: 0))
    try await eventually { try hasSaid("output 1 gone") }
  }
}
