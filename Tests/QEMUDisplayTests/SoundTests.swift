// SPDX-License-Identifier: Apache-2.0

import Foundation
import GuestSound
import Synchronization
import TestSupport
import Testing

@testable import QEMUDisplay

/// Guests that play and record, in real QEMUs, at a real sound server.
@Suite(
  .needs("qemu-system-x86_64", "as", "pipewire", "wireplumber", "pipewire-pulse", "pactl", "parec"),
  .serialized, .timeLimit(.minutes(15)), .onOwnThread)
struct SoundTests {
  private let server: SoundServer
  private let sound: DesktopSound
  private let folder: URL

  init() throws {
    server = try SoundServer()
    sound = try DesktopSound(guest: "the guest", server: server.address)
    folder = FileManager.default.temporaryDirectory.appending(path: "vgpu-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  /// The disk of a guest of one sector that plays a second of sound without end (Programs/tone.S).
  private func disk(records: Bool, _ second: [Float]) throws -> String {
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Programs/tone.S").path
    let (object, program) = ("\(folder.path)/tone.o", "\(folder.path)/tone.bin")
    for words in [
      ["as", "--32", source, "-o", object],
      [
        "ld", "-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", "-e", "start", object,
        "-o", program,
      ],
    ] {
      let built = try Program.run(words)
      try #require(built.code == 0, "\(built.text)")
    }
    var bytes = Array(try Data(contentsOf: URL(filePath: program)))
    if records { bytes[2] = 1 }
    let format = try #require(SoundFormat(.int16, frequency: 48000, channels: 2))
    for value in second {
      let sample = Int16(value * 32767).littleEndian
      for _ in 0..<format.channels { withUnsafeBytes(of: sample) { bytes += $0 } }
    }
    let path = "\(folder.path)/tone.img"
    try Data(bytes).write(to: URL(filePath: path))
    return path
  }

  private func guest(
    _ program: String, records: Bool = false, _ second: [Float] = Tone.samples(48000)
  ) throws -> DisplayGuest {
    try DisplayGuest(
      program,
      [
        "-audiodev", "dbus,id=audio0,timer-period=5000,out.frequency=48000,in.frequency=48000",
        "-vga", "std",
        "-device", "AC97,addr=0x10,audiodev=audio0",
        "-drive", "format=raw,file=\(try disk(records: records, second))",
      ], display: "dbus,p2p=yes,audiodev=audio0")
  }

  /// The QEMUs that hand out sound: the others die of it.
  static let programs = TestMachine.programs.filter {
    (try? Program.run([$0, "--version"]).text.contains("version 7.")) == false
  }

  @Test(arguments: programs) func aGuestsToneArrives(program: String) async throws {
    let recording = try server.record()
    let guest = try guest(program)
    var client: QEMUDisplayClient? = QEMUDisplayClient(guest.connector, guest: "the guest")
    client?.play(on: sound.output)
    try await recording.untilTone()
    #expect(client?.soundProblem == nil && sound.reports.count { $0.isEnabled } == 1)

    // Another client has it when this one has ended, and QEMU's next life is heard too.
    let next = QEMUDisplayClient(guest.connector, guest: "the guest")
    let other = try DesktopSound(guest: "the other", server: server.address)
    client = nil
    next.play(on: other.output)
    try await eventually { other.reports.contains(where: \.isEnabled) }
    try await eventually { sound.reports.isEmpty }
    try await recording.untilTone()
    kill(guest.process.processIdentifier, SIGKILL)
    try await eventually { other.reports.isEmpty }
    let later = try DisplayGuest(
      program, Array(guest.process.arguments?.dropFirst(7) ?? []),
      display: "dbus,p2p=yes,audiodev=audio0", at: guest.folder)
    try await eventually { other.reports.contains(where: \.isEnabled) }
    try await recording.untilTone()
    later.end()
  }

  /// The guest records into the sound that it plays half a second later, so the microphone's tone comes back.
  @Test(arguments: programs) func aGuestHearsTheMicrophone(program: String) async throws {
    try server.addSink("mic", isDefault: false)
    try server.makeMicrophone(of: "mic")
    let playing = try server.play(Tone.samples(48000 * 300), to: "mic")
    let recording = try server.record()
    let guest = try guest(program, records: true, Array(repeating: 0, count: 48000))
    let client = QEMUDisplayClient(guest.connector, guest: "the guest")
    client.play(on: sound.output)
    client.record(from: sound.microphone)
    // Nobody has turned the microphone on.
    try await eventually { sound.reports.contains { $0.isEnabled } }
    try await Task.sleep(for: .seconds(1))
    #expect(
      try server.pactl("list", "short", "source-outputs").text.split(separator: "\n").count == 1)
    #expect(try await recording.next(9600).allSatisfy { abs($0) < 1e-3 })
    sound.isMicrophoneOn = true
    // A busy QEMU takes some pieces too late, so a tenth of a second of the tone is enough.
    try await eventually { Tone.part(of: try await recording.next(4800)) > 0.9 }
    sound.isMicrophoneOn = false
    try await eventually {
      try await recording.next(9600).allSatisfy { abs($0) < 1e-3 }
    }
    playing.end()
  }

  /// QEMU 7.2 must not be asked for its sound.
  @Test(arguments: TestMachine.programs.filter { !programs.contains($0) })
  func anOldQEMULivesOn(program: String) async throws {
    let guest = try guest(program)
    let client = QEMUDisplayClient(guest.connector, guest: "the guest")
    client.play(on: sound.output)
    try await eventually { client.soundProblem != nil }
    guard case .deadlySound? = client.soundProblem else { return #expect(Bool(false)) }
    let source = try QEMUDisplaySource(client)
    try await guest.expectSamePicture(source)
    #expect(guest.process.isRunning)
  }

  @Test func aQEMUWithoutSoundSaysSo() async throws {
    let guest = try DisplayGuest(
      try #require(TestMachine.programs.first), ["-S", "-device", "virtio-gpu-pci"])
    let client = QEMUDisplayClient(guest.connector, guest: "the guest")
    client.play(on: sound.output)
    try await eventually { client.soundProblem != nil }
    guard case .noSound? = client.soundProblem else { return #expect(Bool(false)) }
    #expect("\(try #require(client.soundProblem))".contains("-audiodev dbus"))
  }
}
