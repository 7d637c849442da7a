// SPDX-License-Identifier: Apache-2.0

import DMABuf
import GuestControl
import LinuxSystem
import TestSupport
import Testing
import VGPUDisplay

@testable import QEMUDisplay

/// What QEMU 10.1 and newer send for a dma-buf: planes with offsets, and a part of a larger image
/// (Tests/FakeQEMU/planes-qemu.py).
@Suite(.needs("python3"), .timeLimit(.minutes(5)), .onOwnThread) struct PlanesTests {
  private let qemu: FakeQEMU
  private let source: QEMUDisplaySource

  init() async throws {
    qemu = try FakeQEMU("planes-qemu")
    source = try QEMUDisplaySource(
      QMPDisplayConnector(.socket(qemu.path), guest: "planes"), guest: "planes")
    try await source.firstConnection()
  }

  /// The picture after a call, when QEMU was not refused.
  private func picture(_ number: Int) throws -> Picture? {
    try qemu.tell("\(number)")
    guard qemu.line() == "shown", case .frame(let frame) = source.poll() else { return nil }
    return try Picture(copying: frame.primary)
  }

  private func expect(
    _ picture: Picture?, shows part: PixelRectangle, isUpsideDown: Bool = false, number: Int,
    location: SourceLocation = #_sourceLocation
  ) {
    guard let picture, (picture.width, picture.height) == (part.width, part.height) else {
      Issue.record("another size, or no picture", sourceLocation: location)
      return
    }
    for y in 0..<part.height {
      for x in 0..<part.width {
        let line = part.y + (isUpsideDown ? part.height - 1 - y : y)
        let color = UInt32(part.x + x) << 16 | UInt32(line) << 8 | UInt32(number)
        if picture.color(x: x, y: y) != color {
          Issue.record("wrong at \(x), \(y)", sourceLocation: location)
          return
        }
      }
    }
  }

  @Test func partsOfAnImageAreShown() throws {
    #expect(qemu.line() == "interface", "QEMU must know that the listener takes them")
    let part = PixelRectangle(x: 16, y: 8, width: 64, height: 48)
    expect(
      try picture(0), shows: PixelRectangle(x: 0, y: 0, width: 96, height: 80), number: 0)
    expect(try picture(1), shows: part, number: 1)
    expect(try picture(2), shows: part, isUpsideDown: true, number: 2)
    // Plain memory, whatever the modifier.
    expect(try picture(3), shows: PixelRectangle(x: 1, y: 2, width: 3, height: 4), number: 3)
  }

  /// Several planes in one file are taken, and left to whoever knows the modifier.
  @Test func planesOfOneFile() throws {
    #expect(qemu.line() == "interface")
    try qemu.tell("4")
    #expect(qemu.line() == "shown")
    guard case .frame(let frame) = source.poll() else { return #expect(Bool(false)) }
    #expect(frame.primary.layout.planes.map(\.offset) == [0, 4096])
    #expect(frame.primary.lines == nil, "not for the processor")
  }

  /// Numbers that do not fit together are refused, and the last picture stays.
  @Test func nonsenseIsRefused() throws {
    #expect(qemu.line() == "interface")
    expect(try picture(0), shows: PixelRectangle(x: 0, y: 0, width: 96, height: 80), number: 0)
    for number in 5...14 {
      try qemu.tell("\(number)")
      #expect(qemu.line() == "refused", "picture \(number)")
    }
    guard case .frame(let frame) = source.poll() else { return #expect(Bool(false)) }
    let last = try Picture(copying: frame.primary)
    #expect(last.width == 96 && last.color(x: 95, y: 79) == 0x5F4F00)
  }
}
