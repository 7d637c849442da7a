// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import GuestSound
import Guests
import ViewerGTK

/// Whether something is on or off.
enum Switch: String, CaseIterable, ExpressibleByArgument {
  case on
  case off
}

/// What the guest hears.
struct MicrophoneOption: ParsableArguments {
  @Flag(
    help: """
      Let the guest hear your microphone. The window's title says so, and the menu turns it off. \
      (default: off; the menu turns it on)
      """)
  var microphone = false
}

/// A guest's sound in this process, as long as it is kept.
@MainActor
struct PlayedSound {
  private let sound: DesktopSound

  /// Plays the guest's sound.
  ///
  /// - Parameters:
  ///   - guest: the guest.
  ///   - microphone: whether it hears the microphone.
  ///   - isHeard: whether it is heard, as the user says; `nil` when he does not.
  ///   - remembered: what is remembered of the guest.
  /// - Returns: `nil` when the guest has none that is known, and when there is no library for it, of which
  ///   the user is told.
  init?(
    of guest: OpenGuest, hearing microphone: Bool, isHeard: Switch?,
    remembered: RememberedSettings?
  ) {
    guard let source = guest.sound else {
      if microphone {
        StandardError.write("vgpu: note: the guest's sound is not known; `vgpu info`")
      }
      return nil
    }
    do {
      sound = try DesktopSound(guest: source.name)
    } catch {
      StandardError.write("vgpu: note: no sound: \(error)")
      return nil
    }
    sound.isMicrophoneOn = microphone
    sound.isMuted = (isHeard ?? remembered?.sound) == .off
    source.play(on: sound.output)
    source.record(from: sound.microphone)
  }

  /// Whether the guest plays now, perhaps silence.
  var activity: SoundActivity {
    SoundActivity(
      isPlaying: { [sound] in
        sound.reports.contains { !$0.isRecorded && $0.isEnabled && $0.waiting > .zero }
      }, changes: { [sound] in sound.changes() })
  }

  /// Whether the user hears the guest.
  var isHeard: Bool {
    get { !sound.isMuted }
    nonmutating set { sound.isMuted = !newValue }
  }

  /// The window's switch.
  var microphone: SoundSwitch {
    SoundSwitch(
      isOn: { [sound] in sound.isMicrophoneOn }, turn: { [sound] in sound.isMicrophoneOn = $0 })
  }
}
