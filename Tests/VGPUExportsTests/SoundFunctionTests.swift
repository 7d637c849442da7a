// SPDX-License-Identifier: Apache-2.0

import CVGPU
import Foundation
import TestSupport
import Testing
import VGPUExports
import VGPUManagerExports

/// A guest's sound as a program in C has it, in a real QEMU and at a real sound server.
@Suite(
  .needs("qemu-system-x86_64", "pipewire", "wireplumber", "pipewire-pulse", "pactl", "parec"),
  .serialized, .timeLimit(.minutes(10)), .onOwnThread)
struct SoundFunctionTests {
  private static func message(_ error: vgpu_error) -> String {
    withUnsafeBytes(of: error.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  @Test func aSourceWithoutSoundSaysSo() throws {
    var error = vgpu_error()
    let source = try #require(vgpu_source_open("demo", 0, -1, &error))
    defer { vgpu_source_close(source) }
    #expect(vgpu_source_open_sound(source, nil, &error) == nil)
    #expect(error.code == VGPU_ERROR_UNSUPPORTED, "\(Self.message(error))")
  }

  /// The guest is heard, is muted, and is heard again, also after its source.
  @Test func aGuestIsHeard() async throws {
    let newer = try #require(TestMachine.rigPart("qemu"), "Rig/prepare qemu")
    let server = try SoundServer()
    let recording = try server.record()
    let machine = try TestMachine(
      "\(newer)/usr/bin/qemu-system-x86_64", hasFirmware: true,
      [
        "-m", "192", "-display", "dbus,p2p=yes,audiodev=audio0",
        "-audiodev", "dbus,id=audio0,timer-period=5000,out.frequency=48000,in.frequency=48000",
        "-device", "ich9-intel-hda", "-device", "hda-duplex,audiodev=audio0",
        "-device", "bochs-display",
      ] + TestMachine.linuxGuest("tone"))
    var error = vgpu_error()
    let source = try #require(
      vgpu_source_open("qmp:\(machine.path)", UInt32(VGPU_OPEN_WAIT), -1, &error),
      "\(Self.message(error))")
    let sound = try #require(
      vgpu_source_open_sound(source, server.address, &error), "\(Self.message(error))")
    try await recording.untilTone()
    #expect(vgpu_sound_activity(sound) & UInt32(VGPU_SOUND_PLAYS) != 0)
    #expect(vgpu_sound_message(sound, nil, 0) == 0)
    vgpu_source_close(source)
    #expect(vgpu_sound_set_muted(sound, 1, &error) == VGPU_OK)
    try await eventually { try await recording.next(9600).allSatisfy { abs($0) < 1e-4 } }
    #expect(vgpu_sound_activity(sound) & UInt32(VGPU_SOUND_PLAYS) != 0, "the guest goes on")
    #expect(vgpu_sound_set_muted(sound, 0, &error) == VGPU_OK)
    try await recording.untilTone()
    #expect(vgpu_sound_set_microphone(sound, 1, &error) == VGPU_OK)
    vgpu_sound_close(sound)
    try await eventually { try await recording.next(9600).allSatisfy { abs($0) < 1e-4 } }
    #expect(machine.isRunning)
  }
}
