// SPDX-License-Identifier: Apache-2.0

import GuestSound
import Synchronization
import Testing

@testable import QEMUDisplay

/// What a hostile QEMU may call a listener of sound with.
@Suite struct SoundCallTests {
  private typealias Arguments = [Variant]

  private func form(
    _ bits: UInt8 = 16, signed: Bool = true, float: Bool = false, frequency: UInt32 = 44100,
    channels: UInt8 = 2, frame: UInt32 = 4, second: UInt32 = 176_400, big: Bool = false
  ) -> [Variant] {
    [
      .uint64(1), .byte(bits), .bool(signed), .bool(float), .uint32(frequency), .byte(channels),
      .uint32(frame), .uint32(second), .bool(big),
    ]
  }

  private func call(_ member: String, _ arguments: [Variant]) throws(DisplayDefect) -> SoundCall {
    try SoundCall(member, .tuple(arguments))
  }

  /// Notes what it is called with.
  private final class Listener: SoundOutput, SoundInput {
    let calls = Mutex<[String]>([])
    private func note(_ text: String) { calls.withLock { $0.append(text) } }
    func begin(_ stream: UInt64, _ format: SoundFormat) {
      note("begin \(stream) \(format.sample) \(format.frequency) \(format.channels)")
    }
    func end(_ stream: UInt64) { note("end \(stream)") }
    func setEnabled(_ stream: UInt64, _ isEnabled: Bool) { note("enable \(stream) \(isEnabled)") }
    func setVolume(_ stream: UInt64, _ volume: SoundVolume) {
      note("volume \(stream) \(volume.isMuted) \(volume.channels)")
    }
    func endAll() { note("end all") }
    func write(_ bytes: UnsafeRawBufferPointer, to stream: UInt64) {
      note("write \(stream) \(Array(bytes))")
    }
    func read(_ size: Int, from stream: UInt64) -> [UInt8] {
      note("read \(stream) \(size)")
      return [1, 2]
    }
  }

  @Test func callsReachTheStreams() throws {
    let listener = Listener()
    for (member, arguments) in [
      ("Init", form()), ("SetEnabled", [.uint64(1), .bool(true)]),
      ("SetVolume", [.uint64(1), .bool(false), .bytes([255, 0])]),
      ("Write", [.uint64(1), .bytes([1, 2, 3, 4])]), ("Fini", [.uint64(1)]),
    ] as [(String, [Variant])] {
      let results = try SoundListener.carryOut(call(member, arguments), .out(listener))
      #expect(results.isEmpty)
    }
    #expect(
      listener.calls.withLock(\.self) == [
        "begin 1 int16 44100 2", "enable 1 true", "volume 1 false [1.0, 0.0]",
        "write 1 [1, 2, 3, 4]", "end 1",
      ])
    let read = try call("Read", [.uint64(1), .uint64(.max)])
    let answer = try SoundListener.carryOut(read, .in(listener))
    #expect(answer.first?.withBytes { Array($0) } == [1, 2])
    #expect(listener.calls.withLock(\.last) == "read 1 65536")
    // Each direction has its own call.
    #expect(throws: DisplayDefect.self) { try SoundListener.carryOut(read, .out(listener)) }
    #expect(throws: DisplayDefect.self) {
      try SoundListener.carryOut(call("Write", [.uint64(1), .bytes([])]), .in(listener))
    }
  }

  @Test func forms() throws {
    for (arguments, sample) in [
      (form(8, frame: 2, second: 88200), .int8),
      (form(8, signed: false, frame: 2, second: 88200), .uint8),
      (form(16, signed: false), .uint16),
      (form(32, frame: 8, second: 352_800), .int32),
      (form(32, signed: false, frame: 8, second: 352_800), .uint32),
      (form(32, float: true, frame: 8, second: 352_800), .float32),
      (form(32, signed: false, float: true, frame: 8, second: 352_800), .float32),
    ] as [([Variant], SoundFormat.Sample)] {
      guard case .begin(1, let format) = try call("Init", arguments) else {
        Issue.record("no stream")
        continue
      }
      #expect(format.sample == sample && !format.isBigEndian)
    }
  }

  /// Nothing of this is believed, and nothing of it traps.
  @Test func nonsenseIsRefused() {
    for arguments in [
      [], form(0), form(24), form(255), form(16, float: true), form(frequency: 0, second: 0),
      form(frequency: .max, second: .max), form(channels: 0, frame: 0, second: 0),
      form(channels: 255, frame: 510, second: 22_491_000), form(frame: 3), form(second: 1),
      form(frame: .max, second: .max),
    ] {
      #expect(throws: DisplayDefect.self) { try call("Init", arguments) }
    }
    for (member, arguments) in [
      ("Write", []), ("Write", [.uint32(1), .bytes([])]), ("Read", [.uint64(1)]),
      ("SetVolume", [.uint64(1), .bool(true)]), ("Play", [.uint64(1)]),
      ("Fini", [.uint64(1), .uint64(2)]), ("SetEnabled", [.uint64(1), .uint32(1)]),
    ] as [(String, [Variant])] {
      #expect(throws: DisplayDefect.self) { try call(member, arguments) }
    }
    #expect(throws: DisplayDefect.self) { try SoundCall("Fini", nil) }
  }
}
