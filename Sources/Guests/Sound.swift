// SPDX-License-Identifier: Apache-2.0

public import GuestSound

/// What a guest plays and records. Both come with QEMU's display, which takes them to one program at a time.
public protocol GuestSoundSource: Sendable {
  /// The guest's name.
  var name: String { get }

  /// Plays the guest's sound from now on, also when the guest comes back; `nil` ends that.
  func play(on output: (any SoundOutput)?)

  /// Lets the guest record from now on, perhaps silence; `nil` ends that.
  func record(from input: (any SoundInput)?)

  /// Why there is no sound although it is wanted; `nil` when there is, and while the guest is away.
  var soundProblem: String? { get }
}

extension GuestScreen {
  /// `nil`: the screen's provider has no sound.
  public var sound: (any GuestSoundSource)? { nil }
}

extension BootScreen {
  var sound: (any GuestSoundSource)? { nil }
}

#if GIO
  import GuestControl
  import QEMUDisplay

  /// Sound by QEMU's display on D-Bus.
  struct DisplaySoundProvider: Provider {
    let id = "dbus"
    let title = "QEMU's display on D-Bus (audio)"

    func obstacle(_ facts: GuestFacts) -> Obstacle? {
      if let obstacle = facts.displayObstacle { return obstacle }
      // Without a look nobody knows, and QEMU's answer tells.
      guard facts.isLookedAt else { return nil }
      if let domain = facts.domain {
        return domain.displayHasSound ? nil : .noDisplaySound("\(facts.target)")
      }
      guard case .success(let sockets)? = facts.qmp else { return nil }
      return sockets.displayHasSound ? nil : .noDisplaySound("\(facts.target)")
    }
  }

  /// The sound that comes over a display's connection.
  struct DisplaySoundSource: GuestSoundSource {
    let client: QEMUDisplayClient

    var name: String { client.name }
    func play(on output: (any SoundOutput)?) { client.play(on: output) }
    func record(from input: (any SoundInput)?) { client.record(from: input) }
    var soundProblem: String? { client.soundProblem.map { "\($0)" } }
  }

  extension Guest {
    /// Connects for a guest's sound alone, when the display has it and nobody here has the display.
    func openSound(_ facts: GuestFacts) -> (any GuestSoundSource)? {
      guard DisplaySoundProvider().obstacle(facts) == nil else { return nil }
      return DisplaySoundSource(
        client: QEMUDisplayClient(GuestDisplayConnector(guest: self), guest: "\(target)"))
    }
  }
#else
  extension Guest {
    func openSound(_ facts: GuestFacts) -> (any GuestSoundSource)? { nil }
  }
#endif
