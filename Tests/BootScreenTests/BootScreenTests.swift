// SPDX-License-Identifier: Apache-2.0

import BootScreen
import DMABuf
import Foundation
import GuestControl
import LinuxSystem
import QMP
import TestPatterns
import TestSupport
import Testing
import VFIO
import VGPUDisplay

@testable import BootScreen

/// SeaBIOS on a `ramfb`, beside a vGPU that shows nothing.
@Suite(.serialized, .timeLimit(.minutes(15))) struct BootScreenTests {
  /// A vGPU's source that says what the test says.
  private final class ScriptedSource: FrameSource {
    let name = "scripted"
    let counters = SourceCounters()
    var state = DisplayState.noPicture(.planeOff)
    /// Who tells, and has the picture while `isShown`.
    var telling: DisplaySource<SyntheticGuest>?
    var isShown = false
    var eventDescriptor: Int32? { telling?.eventDescriptor }
    func takeDamage() -> Damage? { telling?.takeDamage() }
    func poll() -> DisplayState { isShown ? telling?.poll() ?? state : state }
  }

  private func pixels(_ frame: Frame) throws -> [UInt8] {
    try frame.primary.withPixels {
      Array($0.prefix(frame.primary.layout.stride * frame.primary.layout.height))
    }
  }

  /// An independent reading of QEMU's own picture.
  private func reference(_ client: QMPClient) async throws -> [UInt8] {
    let file = "\(NSTemporaryDirectory())/reference-\(UUID().uuidString).ppm"
    defer { try? FileManager.default.removeItem(atPath: file) }
    try await client.execute("screendump", arguments: ["filename": .string(file)])
    let data = try Data(contentsOf: URL(fileURLWithPath: file))
    let body = data.split(separator: 10, maxSplits: 3, omittingEmptySubsequences: false)[3]
    var pixels: [UInt8] = []
    for start in stride(from: body.startIndex, to: body.endIndex, by: 3) {
      pixels += [body[start + 2], body[start + 1], body[start], 0]
    }
    return pixels
  }

  private func frame(_ source: BootScreenSource) -> Frame? {
    if case .frame(let frame) = source.poll() { frame } else { nil }
  }

  @Test(.needs("qemu-system-x86_64"), arguments: TestMachine.programs)
  func firmwareIsShownUntilTheGuestShowsItself(_ program: String) async throws {
    let machine = try TestMachine(program, sockets: 2, hasFirmware: true, ["-device", "ramfb"])
    let client = try await QMPClient(path: machine.paths[1])
    let control = GuestController(.socket(machine.path))
    let vGPU = ScriptedSource()
    let source = BootScreenSource(wrapping: vGPU, control)
    // Until SeaBIOS has written that there is nothing to boot from, and no picture changes.
    var flip: UInt64 = 0
    try await eventually {
      guard let frame = frame(source) else { return false }
      #expect(frame.flip >= flip)
      flip = frame.flip
      let shown = try pixels(frame)
      guard Set(shown).count > 1, frame.primary.layout.width > 600 else { return false }
      return try await shown == reference(client)
    }
    // The guest's own picture comes first, whatever QEMU has, which changes no more from here on.
    try await client.execute(Stop())
    let own = DisplaySource(try SyntheticGuest())
    vGPU.state = own.poll()
    let first = try #require(frame(source))
    #expect(first.primary.layout.width == 1024)
    #expect(first.flip > flip)
    // What the firmware left there is not shown again when the guest's screen goes off,
    vGPU.state = .noPicture(.planeOff)
    for _ in 0..<100 {
      #expect(frame(source) == nil)
      try await Task.sleep(for: .milliseconds(10))
    }
    // nor where there is no guest.
    vGPU.state = .noPicture(.waiting("no guest"))
    #expect(frame(source) == nil)
    await control.close()
    await client.close()
  }

  @Test func machineWithoutScreenHasNone() async throws {
    let machine = try TestMachine()
    let control = GuestController(.socket(machine.path))
    let vGPU = ScriptedSource()
    let source = BootScreenSource(wrapping: vGPU, control)
    try await eventually { (try? await control.status()) != nil }
    await #expect(throws: QMPError.self) {
      try await control.execute(Screendump(filename: "/dev/null"))
    }
    for _ in 0..<50 {
      guard case .noPicture(.planeOff) = source.poll() else {
        Issue.record("a picture")
        break
      }
      try await Task.sleep(for: .milliseconds(10))
    }
    await control.close()
  }

  /// A vGPU whose source tells of changes, wrapped: told on while its own picture is shown.
  @Test func tellingSourceIsHeardWhileItShowsItself() async throws {
    let machine = try TestMachine(nil, ["-device", "VGA"])
    let control = GuestController(.socket(machine.path))
    var time: UInt64 = 1_000_000
    let vGPU = ScriptedSource()
    vGPU.telling = DisplaySource(
      try SyntheticGuest(
        pattern: TestPattern(width: 64, height: 48), framesPerSecond: 60, tells: true,
        clock: { MonotonicInstant(nanoseconds: time) }))
    let source = BootScreenSource(wrapping: vGPU, control)
    #expect(source.eventDescriptor == vGPU.eventDescriptor && source.eventDescriptor != nil)
    // The vGPU shows nothing: QEMU's pictures are asked for, and tell nothing.
    try await eventually { frame(source) != nil }
    #expect(frame(source)?.revision == nil)
    #expect(source.eventDescriptor == nil)
    #expect(source.takeDamage() == nil)
    // It shows itself.
    vGPU.isShown = true
    #expect(frame(source)?.revision == 0)
    #expect(source.eventDescriptor == vGPU.eventDescriptor)
    #expect(source.takeDamage() == nil, "another picture than the boot screen")
    #expect(frame(source)?.revision == 0)
    #expect(source.takeDamage() == Damage())
    time += 17_000_000
    #expect(frame(source)?.revision == 1)
    let damage = try #require(source.takeDamage())
    #expect(!damage.isEmpty)
    // Its screen goes off, and comes back: what QEMU shows meanwhile is asked for.
    vGPU.isShown = false
    #expect(frame(source) == nil)
    #expect(source.eventDescriptor == nil)
    vGPU.isShown = true
    time += 17_000_000
    #expect(frame(source)?.revision == 2)
    #expect(source.eventDescriptor == vGPU.eventDescriptor)
    #expect(source.takeDamage()?.isEmpty == false, "its own picture was the last")
    await control.close()
  }

  /// Its folder is gone with the source.
  @Test func nothingIsLeft() async throws {
    let machine = try TestMachine(nil, ["-device", "VGA"])
    let parent = ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"] ?? "/dev/shm"
    func folders() throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: parent).filter { $0.hasPrefix("vgpu-") }
    }
    let before = try Set(folders())
    do {
      let control = GuestController(.socket(machine.path))
      let vGPU = ScriptedSource()
      let source = BootScreenSource(wrapping: vGPU, control)
      try await eventually { frame(source) != nil }
      let mine = try #require(try folders().first { !before.contains($0) })
      let rights = try FileManager.default.attributesOfItem(atPath: "\(parent)/\(mine)")
      #expect(rights[.posixPermissions] as? Int == 0o700)
      await control.close()
    }
    try await eventually { try Set(folders()).isSubset(of: before) }
  }
}

@Suite struct PortablePixmapTests {
  private func bytes(_ header: String, _ samples: [UInt8]) -> [UInt8] {
    Array(header.utf8) + samples
  }

  @Test func samplesBecomePixels() throws {
    let picture = try #require(PortablePixmap(bytes("P6\n2 1\n255\n", [1, 2, 3, 0xFE, 10, 32])))
    #expect(picture.width == 2)
    #expect(picture.height == 1)
    var pixels: [UInt32] = [0, 0]
    pixels.withUnsafeMutableBytes { picture.write(to: $0) }
    #expect(pixels == [0x010203, 0xFE0A20])
  }

  @Test(arguments: [
    "", "P6", "P6\n", "P5\n1 1\n255\n", "P6\n1\n255\n", "P6\n0 1\n255\n", "P6\n1 0\n255\n",
    "P6\n1 1\n65535\n", "P6\n1 1\n254\n", "P6\n-1 -1\n255\n", "P6\n1 2\n255\n", "P6\n2 1\n255\n",
    "P6\n# c\n1 1\n255\n", "P6\n99999 99999\n255\n", "P6\n9223372036854775807 1\n255\n",
    "P61 1 255 ", "P6\n1 1\n255",
  ])
  func othersAreRefused(_ header: String) {
    #expect(PortablePixmap(bytes(header, [1, 2, 3])) == nil)
  }

  @Test func morePixelsThanPromisedAreRefused() {
    #expect(PortablePixmap(bytes("P6\n1 1\n255\n", [1, 2, 3, 4])) == nil)
  }
}
