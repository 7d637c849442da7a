// SPDX-License-Identifier: Apache-2.0

import Foundation
import PNGFile
import QMP
import TestPatterns
import TestSupport
import Testing
import VGPUDisplay

/// The Linux guest of Rig/README.md on a GPU of QEMU's own. QEMU's OpenGL (`gl=on`) draws its pictures,
/// on the card that the rig has for that.
final class BufferGuest {
  /// A GPU, and how its pictures come.
  struct Device: CustomTestStringConvertible {
    let name: String
    let arguments: [String]
    var testDescription: String { name }

    /// The guest's own memory is the buffer (udmabuf).
    static let blob = Device(
      name: "blob", arguments: ["-device", "virtio-vga,blob=true,xres=640,yres=480"])
    /// The host's OpenGL draws for the guest; the pictures come upside down.
    static let virgl = Device(
      name: "virgl", arguments: ["-device", "virtio-vga-gl,xres=640,yres=480"])
    /// QEMU copies the guest's picture into a texture of its own.
    static let bochs = Device(
      name: "bochs-display", arguments: ["-device", "bochs-display,xres=640,yres=480"])
    static let all = [blob, virgl, bochs]
  }

  let qemu: Child
  let socket = "/dev/shm/display-\(UUID()).qmp"
  var target: String { "qmp:\(socket)" }

  static let node = "/dev/vgem"
  static let (width, height) = (640, 480)

  /// Waits until QEMU answers.
  ///
  /// - Parameter words: more arguments of the guest's kernel.
  init(_ program: String, _ device: Device, _ words: String = "") throws {
    qemu = try Child(
      program.hasPrefix("/") ? program : "/usr/bin/\(program)",
      [
        "-accel", "tcg,tb-size=32", "-M", "pc,memory-backend=memory", "-m", "128", "-object",
        "memory-backend-memfd,id=memory,size=128M,share=on", "-nodefaults", "-serial", "stdio",
        "-display", "dbus,p2p=yes,gl=on,rendernode=\(Self.node)", "-device", "qemu-xhci",
        "-device", "usb-tablet", "-qmp", "unix:\(socket),server=on,wait=off",
      ] + TestMachine.linuxGuest(words) + device.arguments)
    while !isListening(on: socket), qemu.isRunning { usleep(20_000) }
  }

  deinit {
    qemu.kill()
    try? FileManager.default.removeItem(atPath: socket)
  }

  /// Reads the serial port until the guest has its mode and reads a keyboard and a tablet. Looking at
  /// pictures meanwhile would take the processor from it.
  func waitForBoot(location: SourceLocation = #_sourceLocation) throws {
    var missing: Set = [
      "board \(Self.width)x\(Self.height)", "input AT Translated Set 2 keyboard",
      "input QEMU QEMU USB Tablet",
    ]
    while !missing.isEmpty {
      let line = try #require(
        try qemu.line(), "QEMU ended, or fell silent, before: \(missing)", sourceLocation: location)
      missing.remove(line.trimmingCharacters(in: .whitespacesAndNewlines))
    }
  }

  func reset() async throws {
    let client = try await QMPClient(path: socket)
    try await client.execute(SystemReset())
    await client.close()
  }

  /// Ends QEMU.
  ///
  /// - Returns: what it said.
  func messages() -> String {
    qemu.kill()
    return qemu.end().errors
  }

  /// The wrong pixels of the guest's picture, which lies somewhere in this one; `nil` when there is
  /// none.
  static func wrongPixels(in picture: Picture) -> Int? {
    guard let board = InputBoard(in: picture), board.takesInput, board.mode == (width, height)
    else { return nil }
    let (left, top) = board.origin
    guard left >= 0, top >= 0, left + width <= picture.width, top + height <= picture.height
    else { return nil }
    var wrong = 0
    for y in 0..<height {
      for x in 0..<width {
        // The board and the pointer's cross are no part of the pattern.
        if x < 208, y < 208 { continue }
        let pattern = UInt32((x & 255) << 16 | (y & 255) << 8 | (x ^ y) & 255)
        if picture.color(x: left + x, y: top + y) != pattern { wrong += 1 }
      }
    }
    return wrong
  }
}

extension RigTests {
  /// Guests whose pictures a real QEMU shares as dma-bufs, by its display on D-Bus.
  @Suite(
    .needs(
      "/dev/vgem and /dev/udmabuf: the rig's kernel",
      if: access(BufferGuest.node, F_OK) == 0 && access("/dev/udmabuf", F_OK) == 0))
  struct DisplayBufferTests {
    typealias Device = BufferGuest.Device

    private struct Statistics: Decodable {
      let framesPresented: Int
      let path: String
      let draws: Int
      let imports: Int
      let copies: Int
      let gets: Int
      let handovers: Int
      let compositorBuffers: Int
      let comparisons: Int
      let importRefusal: String?
      let handoverRefusal: String?
    }

    private static let programs = LaunchTests.programs.map(\.0)
    /// The newest sends ScanoutDMABUF2, and the others ScanoutDMABUF.
    private static let allPrograms = programs + [TestMachine.newest].compactMap(\.self)

    private func statistics(of viewer: Child) throws -> Statistics {
      kill(viewer.pid, SIGTERM)
      let end = viewer.end()
      #expect(end.code == 0, "\(end.errors)")
      return try JSONDecoder().decode(Statistics.self, from: end.output)
    }

    /// The processor time of a process, in the kernel's ticks.
    private func ticks(of pid: Int32) throws -> Int {
      let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
      let fields = text.split(separator: " ")
      return try #require(Int(fields[13])) + #require(Int(fields[14]))
    }

    /// Nobody copies a pixel: the compositor has the buffers that QEMU shares.
    @Test(arguments: allPrograms, Device.all)
    func theCompositorHasTheBuffers(program: String, device: Device) throws {
      // A window that floats may reach over the edge. One whose picture is the output's size would not be
      // shown by weston while the guest is at rest.
      let compositor = try Compositor(width: 680, height: 500, renderer: "gl")
      let guest = try BufferGuest(program, device)
      let viewer = try Child(
        "vgpu",
        ["view", guest.target, "--fullscreen", "--scale", "1:1", "--no-follow", "--stats", "-"],
        environment: compositor.environment)
      defer { viewer.kill() }
      try guest.waitForBoot()
      let deadline = Date(timeIntervalSinceNow: 60)
      var wrong: Int?
      while wrong != 0, viewer.isRunning, guest.qemu.isRunning, Date() < deadline {
        usleep(500_000)
        wrong = BufferGuest.wrongPixels(in: try compositor.picture())
      }
      #expect(wrong == 0, "of the guest's pixels")

      // At rest nothing is looked at, compared or drawn. The shortest of the looks counts, because the
      // machine does other things too.
      var rest = Int.max
      for _ in 0..<5 where rest > 1 {
        let before = try ticks(of: viewer.pid)
        sleep(2)
        rest = min(rest, try ticks(of: viewer.pid) - before)
      }
      #expect(rest <= 1, "ticks in 2 s at rest")

      let statistics = try statistics(of: viewer)
      #expect(statistics.path == "direct", "\(statistics)")
      #expect(statistics.handoverRefusal == nil && statistics.importRefusal == nil)
      #expect(statistics.copies == 0 && statistics.comparisons == 0, "\(statistics)")
      #expect(statistics.compositorBuffers > 0 && statistics.handovers > 0, "\(statistics)")
      #expect(statistics.imports <= statistics.gets && statistics.gets > 0, "\(statistics)")
      // Another one takes the display over, and no window is needed for a picture.
      let picture = try QEMUTests.screenshot(guest.target) {
        BufferGuest.wrongPixels(in: $0) == 0
      }
      let found = try #require(picture, "no right picture: \(guest.messages())")
      #expect((found.width, found.height) == (BufferGuest.width, BufferGuest.height))

      // QEMU gives up waiting for an answer after a second, and says so.
      let messages = guest.messages()
      #expect(!messages.contains("gl-unblock"), "\(messages)")
      #expect(!messages.contains("failed to get fd"), "\(messages)")
    }

    /// A window with a keyboard: what is typed is seen, before and after a reboot. On Wayland the window's
    /// OpenGL imports the buffers. On Xvfb it cannot, and the processor reads them.
    @Test(arguments: zip(programs, [Device.virgl, .blob]))
    func typingAndReboot(program: String, device: Device) async throws {
      let isWayland = device.name == Device.virgl.name
      let desktop = try Desktop(isWayland ? .weston : .xvfb)
      let guest = try BufferGuest(program, device)
      // The window takes the size of its first picture.
      try guest.waitForBoot()
      let viewer = try Child(
        "vgpu", ["view", guest.target, "--scale", "1:1", "--no-follow", "--stats", "-"],
        environment: desktop.environment)
      defer { viewer.kill() }
      let window = try GuestWindow(
        desktop, viewer, width: BufferGuest.width, height: BufferGuest.height)
      let keys = [EventCode.a, EventCode.b, EventCode.g]
      for _ in 0..<2 {
        let before = window.board
        try window.type(keys)
        try window.expect("typed") { board in
          keys.allSatisfy { board.key($0).releases == before.key($0).releases + 1 }
        }
      }
      try await guest.reset()
      try guest.waitForBoot()
      try window.expect("a new board", seconds: 60) { $0.takesInput && $0.touched.isEmpty }
      try window.type(keys)
      try window.expect("typed again") { board in keys.allSatisfy { board.key($0).releases == 1 } }

      let statistics = try statistics(of: viewer)
      #expect(statistics.path == (isWayland ? "import" : "upload"), "\(statistics)")
      #expect((statistics.importRefusal == nil) == isWayland, "\(statistics)")
      #expect((statistics.imports > 0) == isWayland, "\(statistics)")
      #expect((statistics.copies == 0) == isWayland, "\(statistics)")
      let messages = guest.messages()
      #expect(!messages.contains("gl-unblock"), "\(messages)")
    }

    /// A guest that flips goes on behind a window that nobody sees, because its frames are answered. QEMU says
    /// so when an answer takes longer than a second. The window shows the guest's newest frame again at once.
    @Test(arguments: allPrograms) func aHiddenWindowHoldsNobodyUp(program: String) throws {
      let desktop = try Desktop(.xvfb)
      let pattern = TestPattern(width: BufferGuest.width, height: BufferGuest.height)
      let guest = try BufferGuest(program, .virgl, "flips=20 report=5")
      func nextReport() throws -> UInt32 {
        while true {
          let line = try #require(try guest.qemu.line(), "the guest stands still")
          let words = line.split(whereSeparator: \.isWhitespace)
          if words.count == 2, words[0] == "frame", let frame = UInt32(words[1]) { return frame }
        }
      }
      _ = try nextReport()
      let viewer = try Child(
        "vgpu", ["view", guest.target, "--scale", "1:1", "--no-follow"],
        environment: desktop.environment)
      defer { viewer.kill() }
      func shown(after frame: UInt32) throws -> UInt32 {
        let deadline = Date(timeIntervalSinceNow: 60)
        while Date() < deadline {
          let found = try desktop.picture().find(pattern)
          if let found, found.frame > frame { return found.frame }
          usleep(50_000)
        }
        let end = viewer.isRunning ? "" : viewer.end().errors
        return try #require(nil, "no frame after \(frame): \(end)")
      }
      var last = try shown(after: 0)
      let window = try desktop.xdotool("search", "--onlyvisible", "--pid", "\(viewer.pid)")
        .split(separator: "\n").last.map(String.init)
      for _ in 0..<2 {
        try desktop.xdotool("windowunmap", "--sync", try #require(window))
        #expect(try desktop.picture().find(pattern) == nil)
        // What was reported before is read first.
        let hidden = try nextReport()
        var newest = hidden
        while newest < max(hidden, last) + 30 { newest = try nextReport() }
        try desktop.xdotool("windowmap", "--sync", try #require(window))
        last = try shown(after: newest)
      }
      kill(viewer.pid, SIGTERM)
      #expect(viewer.end().code == 0)
      let messages = guest.messages()
      #expect(!messages.contains("gl-unblock"), "\(messages)")
    }

    /// An OpenGL that shares no pictures, as Mesa's software renderer without /dev/udmabuf. QEMU tells
    /// of changes all the same. It is asked again and again, and must bear that: 7.2 died of it.
    @Test(arguments: programs) func anOpenGLThatSharesNothingIsNamed(program: String) throws {
      try FileManager.default.moveItem(atPath: "/dev/udmabuf", toPath: "/dev/udmabuf-away")
      defer {
        #expect(throws: Never.self) {
          try FileManager.default.moveItem(atPath: "/dev/udmabuf-away", toPath: "/dev/udmabuf")
        }
      }
      let guest = try BufferGuest(program, .bochs)
      let shot = try run("vgpu", "screenshot", guest.target, "-", "--timeout", "20")
      #expect(shot.code == 69, "\(shot.errors)")
      #expect(shot.errors.contains("OpenGL cannot share its pictures"), "\(shot.errors)")
      #expect(guest.qemu.isRunning)
      #expect(guest.messages().contains("failed to get fd"))
    }
  }
}
