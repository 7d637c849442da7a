// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import Foundation
import HostDevices
import TestSupport
import Testing

/// The messages as bytes: what they are, and what becomes of others.
@Suite struct ProtocolTests {
  static let questions: [ClientMessage] = [
    .hello(oldest: 1, newest: 0xFFFF), .list(index: 7),
    .open(VGPUIdentifier(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)), .look,
    .release(buffer: .max), .resize(width: 1, height: 16384), .count,
  ]

  static let answers: [BridgeMessage] = [
    .welcome(Welcome(version: 1, buffers: 64, messagesPerSecond: 1000, bytes: 1 << 40)),
    .vGPU(
      ListedVGPU(
        index: 1, count: 2, identifier: VGPUIdentifier(high: 1, low: 2), viewers: 3,
        canResize: true, looks: 4, polls: 5, flips: 6, buffers: 7,
        name: "i915-GVTg_V5_4 123e4567-e89b-12d3-a456-426614174000")),
    .opened(
      OpenedVGPU(
        identifier: VGPUIdentifier(high: 3, low: 4), canResize: false, maximumWidth: 1920,
        maximumHeight: 1200, name: String(repeating: "n", count: 64))),
    .buffer(
      SharedBuffer(
        id: 9, modifier: 0x0100_0000_0000_0001, format: 0x3432_5258, width: 16384, height: 1,
        stride: 65536, size: 65536)),
    .frame(
      SharedFrame(
        buffer: 9,
        pointer: SharedFrame.Pointer(
          buffer: 10, x: -5, y: 16384, hotspot: SharedFrame.Hotspot(x: 0, y: 16383)), flip: 11,
        detectedAt: 12, lookedAt: 13)),
    .frame(
      SharedFrame(
        buffer: 9, pointer: SharedFrame.Pointer(buffer: 10, x: 0, y: 0, hotspot: nil), flip: 1,
        detectedAt: 2, lookedAt: 3)),
    .frame(SharedFrame(buffer: 9, pointer: nil, flip: 11, detectedAt: 12, lookedAt: 13)),
    .noPicture(.gone, reason: "The guest has ended. Ünïcödé, 龍."),
    .refused(.limit, reason: ""), .counters(BridgeCounters()), .done,
    .refused(Refusal(rawValue: .max), reason: "A reason of a later version."),
  ]

  private static func encode(_ message: ClientMessage, _ serial: UInt32) -> [UInt8] {
    RawClient.bytes(message, serial: serial)
  }

  static func encode(_ message: BridgeMessage, _ serial: UInt32) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: WireConstants.longestMessage) { buffer, count in
      count = message.encode(serial: serial, into: UnsafeMutableRawBufferPointer(buffer))
    }
  }

  @Test func messagesComeBack() throws {
    for message in Self.questions {
      let (decoded, serial) = try Self.encode(message, 0xDEAD_BEEF).withUnsafeBytes {
        try ClientMessage.decode($0)
      }
      #expect(decoded == message && serial == 0xDEAD_BEEF)
    }
    for message in Self.answers {
      let bytes = Self.encode(message, 42)
      #expect(bytes.count <= WireConstants.longestMessage)
      let (decoded, serial) = try bytes.withUnsafeBytes { try BridgeMessage.decode($0) }
      #expect(decoded == message && serial == 42)
    }
  }

  /// As docs/bridge-protocol.md has them, so that a change of the bytes is noticed.
  @Test func bytesAreTheDocumentedOnes() {
    #expect(
      Self.encode(.hello(oldest: 1, newest: 2), 3)
        == [1, 0, 16, 0, 3, 0, 0, 0, 0x56, 0x47, 0x50, 0x55, 1, 0, 2, 0])
    #expect(
      Self.encode(.open(VGPUIdentifier(high: 0x0001_0203_0405_0607, low: 0x0809_0A0B_0C0D_0E0F)), 1)
        == [3, 0, 24, 0, 1, 0, 0, 0] + Array(UInt8(0)..<16))
    #expect(Self.encode(.look, 0x0403_0201) == [4, 0, 8, 0, 1, 2, 3, 4])
    let frame = BridgeMessage.frame(
      SharedFrame(
        buffer: 5,
        pointer: SharedFrame.Pointer(
          buffer: 6, x: -1, y: 2, hotspot: SharedFrame.Hotspot(x: 3, y: 4)), flip: 7,
        detectedAt: 8, lookedAt: 9))
    #expect(
      Self.encode(frame, 1)
        == [0x85, 0, 64, 0, 1, 0, 0, 0] + [5, 0, 0, 0, 0, 0, 0, 0] + [6, 0, 0, 0, 0, 0, 0, 0]
        + [255, 255, 255, 255, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0] + [7, 0, 0, 0, 0, 0, 0, 0]
        + [8, 0, 0, 0, 0, 0, 0, 0] + [9, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test func whatCannotBeIsRefused() throws {
    func expect(_ error: ProtocolError, _ bytes: [UInt8]) {
      #expect(throws: error) { try bytes.withUnsafeBytes { try ClientMessage.decode($0) } }
    }
    expect(.wrongLength(type: 0, length: 0), [])
    expect(.unknownType(0), [0, 0, 8, 0, 0, 0, 0, 0])
    expect(.unknownType(0x85), Self.encode(Self.answers[4], 1))
    expect(.wrongLength(type: 4, length: 9), [4, 0, 8, 0, 0, 0, 0, 0, 0])
    expect(.wrongLength(type: 4, length: 8), [4, 0, 9, 0, 0, 0, 0, 0])
    expect(.invalid(field: "magic"), [1, 0, 16, 0, 3, 0, 0, 0, 0x56, 0x47, 0x50, 0x54, 1, 0, 2, 0])
    expect(
      .invalid(field: "version"), [1, 0, 16, 0, 3, 0, 0, 0, 0x56, 0x47, 0x50, 0x55, 2, 0, 1, 0])
    expect(.invalid(field: "size"), Self.encode(.resize(width: 0, height: 1), 1))
    expect(.invalid(field: "size"), Self.encode(.resize(width: 16385, height: 1), 1))
    expect(.invalid(field: "buffer"), Self.encode(.release(buffer: 0), 1))
    for (offset, field) in [(16, "reason"), (12, "reserved field"), (8, "kind")] {
      var bytes = Self.encode(.noPicture(.trouble, reason: "x"), 1)
      bytes[offset] = 27
      #expect(throws: ProtocolError.invalid(field: field)) {
        try bytes.withUnsafeBytes { try BridgeMessage.decode($0) }
      }
    }
  }

  @Test func textIsCutAtACharacterAndSteersNothing() throws {
    let reason = "\u{1B}[2J" + String(repeating: "é", count: 200)
    let bytes = Self.encode(.noPicture(.gone, reason: reason), 1)
    let (message, _) = try bytes.withUnsafeBytes { try BridgeMessage.decode($0) }
    #expect(message == .noPicture(.gone, reason: "\u{FFFD}[2J" + String(repeating: "é", count: 93)))
  }

  @Test func identifiersAreUUIDs() {
    let text = "00112233-4455-6677-8899-aabbccddeeff"
    #expect(VGPUIdentifier(text)?.description == text)
    #expect(VGPUIdentifier("00112233-4455-6677-8899-AABBCCDDEEFF")?.description == text)
    for wrong in [
      "", "0011", "00112233-4455-6677-8899-aabbccddeefg", "+0112233-4455-6677-8899-aabbccddeeff",
    ] {
      #expect(VGPUIdentifier(wrong) == nil, "\(wrong)")
    }
  }

  /// Each decoder either refuses, or has read everything: what it took has the same bytes again.
  /// VGPU_BRIDGE_MESSAGES in the environment makes them more, and others.
  @Test func mutatedMessagesAreRefusedOrUnderstood() {
    let wish = ProcessInfo.processInfo.environment["VGPU_BRIDGE_MESSAGES"].flatMap { Int($0) }
    let count = wish ?? 100_000
    var generator = SeededGenerator(seed: wish == nil ? 6 : .random(in: 0 ... .max))
    let corpus =
      Self.questions.map { Self.encode($0, 1) } + Self.answers.map { Self.encode($0, 1) }
    var understood = 0
    for _ in 0..<count {
      let bytes = Self.mutate(corpus, &generator)
      bytes.withUnsafeBytes { buffer in
        if let (message, serial) = try? ClientMessage.decode(buffer) {
          understood += 1
          if Self.encode(message, serial) != bytes { Issue.record("\(bytes) became \(message)") }
        }
        if let (message, serial) = try? BridgeMessage.decode(buffer) {
          understood += 1
          if Self.encode(message, serial) != bytes { Issue.record("\(bytes) became \(message)") }
        }
      }
    }
    #expect(understood > count / 30)
  }

  /// A message of a corpus with some bits turned, bytes replaced, cut or made longer.
  static func mutate(
    _ corpus: [[UInt8]], _ generator: inout SeededGenerator
  ) -> [UInt8] {
    var bytes = corpus[Int.random(in: 0..<corpus.count, using: &generator)]
    for _ in 0..<Int.random(in: 0...3, using: &generator) {
      let index = Int.random(in: 0..<max(1, bytes.count), using: &generator)
      switch UInt8.random(in: 0..<8, using: &generator) {
      case 0...2 where !bytes.isEmpty:
        bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 3...4 where !bytes.isEmpty: bytes[index] = UInt8.random(in: 0...255, using: &generator)
      case 5 where bytes.count >= 4:
        let start = min(index, bytes.count - 4)
        let value = [UInt32(0), 1, .max, 1 << 31, 16384].randomElement(using: &generator) ?? 0
        for byte in 0..<4 { bytes[start + byte] = UInt8(truncatingIfNeeded: value >> (8 * byte)) }
      case 6: bytes = Array(bytes.prefix(index))
      default: bytes.append(UInt8.random(in: 0...255, using: &generator))
      }
    }
    return bytes
  }
}
