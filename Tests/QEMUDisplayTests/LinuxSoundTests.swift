// SPDX-License-Identifier: Apache-2.0

import Foundation
import GuestSound
import TestSupport
import Testing

@testable import QEMUDisplay

/// A Linux guest that plays and records by ALSA and an HDA device (Rig/README.md, "The input board"), at a
/// real sound server.
@Suite(
  .needs("qemu-system-x86_64", "pipewire", "wireplumber", "pipewire-pulse", "pactl", "parec"),
  .serialized, .timeLimit(.minutes(20)), .onOwnThread)
struct LinuxSoundTests {
  private let server: SoundServer
  private let sound: DesktopSound

  init() throws {
    server = try SoundServer()
    sound = try DesktopSound(guest: "the guest", server: server.address)
  }

  /// - Parameter period: how often QEMU moves sound on, in microseconds.
  private func guest(_ program: String, _ word: String, period: Int = 5000) throws -> DisplayGuest {
    try DisplayGuest(
      program,
      [
        "-audiodev",
        "dbus,id=audio0,timer-period=\(period),out.frequency=48000,in.frequency=48000", "-m", "192",
        "-device", "ich9-intel-hda", "-device", "hda-duplex,audiodev=audio0",
      ] + TestMachine.linuxGuest(word), display: "dbus,p2p=yes,audiodev=audio0")
  }

  /// How long the tone must last. `Scripts/test sound` wants five minutes.
  private static let seconds =
    ProcessInfo.processInfo.environment["VGPU_SOUND_SECONDS"].flatMap(Int.init) ?? 5

  /// Each window of 10 ms is the tone, one after the other. A machine that stands still now and then may make
  /// the guest late, which begins the count anew. With QEMU's own period of 10 ms the guest is too slow, and its tone
  /// too low, which is learned first; a fifth of the time is enough for that one.
  @Test(arguments: SoundTests.programs, [5000, 10000])
  func aTonePlaysWithoutAGap(program: String, period: Int) async throws {
    let recording = try server.record()
    let guest = try guest(program, "tone", period: period)
    let client = QEMUDisplayClient(guest.connector, guest: "the guest")
    client.play(on: sound.output)
    try await recording.untilTone()
    _ = try await recording.take(recording.count)
    let seconds = period == 5000 ? Self.seconds : max(Self.seconds / 5, 5)
    let drift = period == 5000 ? 0.0075 : 0.04
    var (good, faults) = (0, 0)
    // Half a second at a time.
    for _ in 0..<(Self.seconds * 5 + 120) where good < seconds * 2 {
      let found = Tone.faults(in: try await recording.take(24000), amplitude: 0.5, drift: drift)
      faults += found.count
      good = found.isEmpty ? good + 1 : 0
    }
    let report = sound.reports.first { $0.isEnabled }.map { "\($0)" } ?? "no stream"
    print(
      """
      period \(period): \(good / 2) s of the tone without a gap; before, \(faults) of 10 ms were none; \
      \(report)
      """)
    #expect(good == seconds * 2, "\(faults) windows of 10 ms are not the tone: \(report)")
    #expect(guest.process.isRunning && client.soundProblem == nil)
  }

  /// The guest plays what it hears.
  @Test(arguments: SoundTests.programs) func theMicrophoneComesBack(program: String) async throws {
    try server.addSink("mic", isDefault: false)
    try server.makeMicrophone(of: "mic")
    let playing = try server.play(Tone.samples(48000 * 300), to: "mic")
    let recording = try server.record()
    let guest = try guest(program, "echo")
    let client = QEMUDisplayClient(guest.connector, guest: "the guest")
    client.play(on: sound.output)
    client.record(from: sound.microphone)
    sound.isMicrophoneOn = true
    // A busy QEMU takes some pieces too late, so a tenth of a second of the tone is enough.
    try await eventually { Tone.part(of: try await recording.next(4800)) > 0.9 }
    playing.end()
  }
}
