// SPDX-License-Identifier: Apache-2.0

import Foundation
import LinuxSystem
import Synchronization
import TestSupport
import Testing

@testable import GuestSound

/// A real sound server, and a guest whose clock is this thread's.
@Suite(
  .needs("pipewire", "wireplumber", "pipewire-pulse", "pactl", "parec"), .serialized,
  .timeLimit(.minutes(10)), .onOwnThread)
struct ServerTests {
  private let server: SoundServer
  private let sound: DesktopSound

  init() throws {
    server = try SoundServer()
    sound = try DesktopSound(guest: "laptop, my guest", server: server.address)
  }

  /// Plays the tone, 10 ms at a time, until it is gone.
  private final class Guest: Sendable {
    private let isOver = Atomic(false)
    /// The longest that one write took.
    let longest = Mutex(Duration.zero)

    init(_ output: any SoundOutput, _ id: UInt64 = 7, frequency: Int = 44100) throws {
      let format = try #require(SoundFormat(.int16, frequency: frequency, channels: 2))
      // A second of it, made before it is played: that costs time.
      let second = Tone.samples(frequency, rate: Double(frequency)).flatMap { [$0, $0] }
      let bytes = second.withUnsafeBufferPointer { format.encode($0) }
      let count = frequency / 100
      output.begin(id, format)
      output.setEnabled(id, true)
      try SystemThread.detach(for: "the guest") { [self] in
        let start = MonotonicInstant.now
        var frame = 0
        while !isOver.load(ordering: .relaxed) {
          let first = frame % frequency * format.bytesPerFrame
          frame += count
          let before = MonotonicInstant.now
          bytes.withUnsafeBytes {
            output.write(
              UnsafeRawBufferPointer(rebasing: $0[first..<(first + count * format.bytesPerFrame)]),
              to: id)
          }
          let took = before.duration(to: .now)
          longest.withLock { $0 = max($0, took) }
          SystemThread.sleep(
            for: MonotonicInstant.now.duration(
              to: start.advanced(by: .seconds(1) * frame / frequency)))
        }
        output.end(id)
      }
    }

    deinit { isOver.store(true, ordering: .relaxed) }

    func stop() { isOver.store(true, ordering: .relaxed) }
  }

  /// Waits for half a second of the tone alone, without a gap. A busy machine takes its time for that.
  private func expectTone(_ recording: SoundServer.Recording, amplitude: Double = 0.5)
    async throws
  {
    try await eventually {
      let samples = try await recording.next(24000)
      return Tone.part(of: samples) > 0.95
        && Tone.faults(in: samples, amplitude: amplitude).isEmpty
    }
  }

  private func expectSilence(_ recording: SoundServer.Recording) async throws {
    try await eventually { try await recording.next(9600).allSatisfy { abs($0) < 1e-4 } }
  }

  @Test func toneArrivesAndFollowsTheGuestsVolume() async throws {
    let recording = try server.record()
    let guest = try Guest(sound.output)
    try await expectTone(recording)
    // The desktop's mixer has the guest's name.
    let listed = try server.pactl("list", "sink-inputs").text
    for property in ["media.name", "application.name", "node.name"] {
      #expect(listed.contains("\(property) = \"laptop, my guest\""), "\(listed)")
    }
    sound.output.setVolume(7, SoundVolume(isMuted: false, channels: [0.5, 0.5]))
    try await expectTone(recording, amplitude: 0.25)
    sound.output.setVolume(7, SoundVolume(isMuted: true, channels: [0.5, 0.5]))
    try await expectSilence(recording)
    sound.output.setVolume(7, .full)
    try await expectTone(recording)
    #expect(sound.problem == nil && sound.reports.count == 1)
    guest.stop()
    try await eventually { sound.reports.isEmpty }
    try await eventually { try server.pactl("list", "short", "sink-inputs").text.isEmpty }
  }

  /// A server that ends, or that stops to answer, costs the guest nothing, and sound is back with it.
  @Test func serverEndsAndStalls() async throws {
    var recording = try server.record()
    let guest = try Guest(sound.output)
    try await expectTone(recording)

    server.setStalled(true)
    try await Task.sleep(for: .seconds(1))
    server.setStalled(false)
    try await expectTone(recording)

    server.killServer()
    try await eventually { if case .server? = sound.problem { true } else { false } }
    try server.startServer()
    try server.addSink("another")
    recording = try server.record("another")
    try await expectTone(recording)
    #expect(sound.problem == nil)

    // The card is pulled, and plugged in again.
    try server.removeSinks()
    try server.addSink("third")
    recording = try server.record("third")
    try await expectTone(recording)
    // Nothing waited for the server, which was away for a second and more.
    #expect(guest.longest.withLock(\.self) < .milliseconds(900))
  }

  /// The microphone is used while the guest records, and never else.
  @Test func microphone() async throws {
    try server.addSink("mic", isDefault: false)
    try server.makeMicrophone(of: "mic")
    let playing = try server.play(Tone.samples(48000 * 120), to: "mic")
    let format = try #require(SoundFormat(.int16, frequency: 48000, channels: 2))
    func users() throws -> String { try server.pactl("list", "short", "source-outputs").text }
    sound.microphone.begin(1, format)
    try await Task.sleep(for: .milliseconds(300))
    #expect(try users().isEmpty)
    sound.microphone.setEnabled(1, true)
    try await Task.sleep(for: .milliseconds(300))
    // The guest records, and the user has not turned the microphone on.
    #expect(try users().isEmpty)
    var silence: [UInt8] = []
    try await eventually {
      silence += sound.microphone.read(4096, from: 1)
      return silence.count > 40960
    }
    #expect(silence.allSatisfy { $0 == 0 })
    sound.isMicrophoneOn = true
    var heard: [Float] = []
    try await eventually {
      // A read is answered at once, with what is there.
      let bytes = sound.microphone.read(4096, from: 1)
      var samples = [Float](repeating: 0, count: 2048)
      let count = samples.withUnsafeMutableBufferPointer { samples in
        bytes.withUnsafeBytes { format.decode($0, into: samples) }
      }
      heard = (heard + (0..<count).map { samples[$0 * 2] }).suffix(24000)
      return heard.count == 24000 && Tone.part(of: heard) > 0.95
        && Tone.faults(in: heard, amplitude: 0.5).isEmpty
    }
    #expect(try !users().isEmpty)
    sound.isMicrophoneOn = false
    #expect(sound.microphone.read(4096, from: 1).allSatisfy { $0 == 0 })
    try await eventually { try users().isEmpty }
    sound.isMicrophoneOn = true
    try await eventually { try !users().isEmpty }
    sound.microphone.setEnabled(1, false)
    try await eventually { try users().isEmpty }
    playing.end()
  }

  /// Without a server nothing waits, and the reason is told.
  @Test func noServer() async throws {
    let sound = try DesktopSound(guest: "alone", server: "unix:/tmp/no-such-server")
    let guest = try Guest(sound.output)
    try await eventually { if case .server? = sound.problem { true } else { false } }
    #expect("\(try #require(sound.problem))".contains("pipewire-pulse"))
    #expect(guest.longest.withLock(\.self) < .seconds(1))
  }
}
