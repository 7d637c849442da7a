// SPDX-License-Identifier: Apache-2.0

import Foundation
import PNGFile
import TestSupport
import Testing
import VGPUDisplay

/// `vgpu bridge` of a guest without a vGPU: a real QEMU's own display, for users who may not talk to QEMU.
@Suite(.needs("qemu-system-x86_64"), .serialized, .timeLimit(.minutes(15)), .onOwnThread)
final class QEMUScreenTests {
  private let bridge: BridgeProgram

  init() throws { bridge = try BridgeProgram() }

  private func machine(
    _ program: String, _ device: String, replacing old: TestMachine? = nil
  ) throws -> TestMachine {
    try TestMachine(
      program, replacing: old, hasFirmware: true,
      ["-device", device, "-display", "dbus,p2p=yes"])
  }

  /// Waits until the bridge's picture is QEMU's own, to the pixel.
  private func expectPicture(of machine: TestMachine, _ location: SourceLocation = #_sourceLocation)
    throws
  {
    var last = "none"
    for _ in 0..<300 {
      let shot = try bridge.screenshot()
      if let png = shot.png {
        let (picture, own) = (try PNG.decode(png), try QEMUPicture.taken(at: machine.path))
        if picture == own, picture.rgb.contains(where: { $0 != 0 }) { return }
        last = "\(picture.width)x\(picture.height), and QEMU has \(own.width)x\(own.height)"
      } else {
        last = shot.text
      }
      Thread.sleep(forTimeInterval: QEMUPicture.untilNextLook / .seconds(1))
    }
    Issue.record("the last picture: \(last)", sourceLocation: location)
  }

  @Test(arguments: TestMachine.programs) func qemusScreenIsBridged(program: String) throws {
    let first = try machine(program, "bochs-display")
    try bridge.start(["qmp:\(first.path)"])
    try expectPicture(of: first)
    let list = try bridge.list()
    #expect(list.contains("qmp:\(first.path)"), "\(list)")

    // Another program takes the display; the next client of the bridge has it again.
    let other = try Program.run([
      BridgeProgram.vgpu, "screenshot", "qmp:\(first.path)", "\(bridge.folder)/other.png",
    ])
    #expect(other.code == 0, "\(other.text)")
    try expectPicture(of: first)

    // It comes back, and shows something else.
    first.kill()
    while try bridge.screenshot().png != nil {}
    let second = try machine(program, "VGA", replacing: first)
    try expectPicture(of: second)
    #expect(bridge.isRunning)
  }

  /// QEMU draws a VGA's screen only while somebody looks, so what it tells first is of the firmware's mode.
  @Test func screenshotIsOfThePresentMode() throws {
    let serial = "\(bridge.folder)/serial"
    let machine = try TestMachine(
      hasFirmware: true,
      [
        "-m", "192", "-display", "dbus,p2p=yes", "-device", "VGA", "-serial", "file:\(serial)",
      ] + TestMachine.linuxGuest())
    while try !String(contentsOfFile: serial, encoding: .utf8).contains("board 1280x800") {
      try #require(machine.isRunning)
      usleep(50_000)
    }
    let file = "\(bridge.folder)/shot.png"
    let answer = try Program.run([BridgeProgram.vgpu, "screenshot", "qmp:\(machine.path)", file])
    try #require(answer.code == 0, "\(answer.text)")
    let shot = try PNG.decode([UInt8](try Data(contentsOf: URL(fileURLWithPath: file))))
    #expect(shot.width == 1280 && shot.height == 800)
  }

  @Test func aProcessesScreenIsBridged() throws {
    let machine = try machine(try #require(TestMachine.programs.last), "virtio-vga")
    try bridge.start(["pid:\(machine.pid)"])
    try expectPicture(of: machine)
  }
}
