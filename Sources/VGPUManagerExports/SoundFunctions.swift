// SPDX-License-Identifier: Apache-2.0
//
// vgpu-sound.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import Attachment
public import CVGPU
import GuestSound
import Guests
import VGPUDisplay
import VGPUExports

/// The object behind a `vgpu_sound`.
private final class PlayedSound: Handle {
  static let cName = "vgpu_sound"

  /// Keeps the connection that the sound comes by.
  private let guest: OpenGuest
  let source: any GuestSoundSource
  let sound: DesktopSound

  init(_ source: Source, at server: String?) throws(Failure) {
    guest = Guest(source.target).open(showing: source.screen, isHeard: true)
    guard let found = guest.sound else {
      throw Failure(
        .unsupported,
        "\(source.screen.name): there is no way to its sound; `vgpu info` tells why")
    }
    self.source = found
    do throws(SoundError) {
      sound = try DesktopSound(guest: found.name, server: server)
    } catch {
      throw Failure(.unsupported, "\(error)")
    }
    found.play(on: sound.output)
    found.record(from: sound.microphone)
  }

  func end() {
    source.play(on: nil)
    source.record(from: nil)
  }
}

@c @implementation
public func vgpu_source_open_sound(
  _ source: OpaquePointer!, _ server: UnsafePointer<CChar>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> OpaquePointer! {
  Failure.result(error) { () throws(Failure) in
    let source = try Source.borrowed(source)
    return try PlayedSound(source, at: try CText.optional(server, "server")).passedToC()
  }
}

@c @implementation
public func vgpu_sound_close(_ sound: OpaquePointer!) {
  (try? PlayedSound.borrowed(sound))?.end()
  PlayedSound.release(sound)
}

@c @implementation
public func vgpu_sound_set_muted(
  _ sound: OpaquePointer!, _ muted: Int32, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    try PlayedSound.borrowed(sound).sound.isMuted = muted != 0
  }
}

@c @implementation
public func vgpu_sound_set_microphone(
  _ sound: OpaquePointer!, _ on: Int32, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    try PlayedSound.borrowed(sound).sound.isMicrophoneOn = on != 0
  }
}

@c @implementation
public func vgpu_sound_activity(_ sound: OpaquePointer!) -> UInt32 {
  let reports = (try? PlayedSound.borrowed(sound))?.sound.reports.filter(\.isEnabled) ?? []
  return reports.reduce(0) { $0 | UInt32($1.isRecorded ? VGPU_SOUND_RECORDS : VGPU_SOUND_PLAYS) }
}

@c @implementation
public func vgpu_sound_message(
  _ sound: OpaquePointer!, _ text: UnsafeMutablePointer<CChar>!, _ size: Int
) -> Int {
  let sound = try? PlayedSound.borrowed(sound)
  let problem = sound?.source.soundProblem ?? sound?.sound.problem.map { "\($0)" }
  return CText.write(problem ?? "", to: text, size: size)
}
