// SPDX-License-Identifier: Apache-2.0

import GuestInput

/// The keys and buttons that a view has told its guest are down.
struct HeldInput {
  private var keys: Set<Keycode> = []
  private var buttons: Set<PointerButton> = []

  /// Whether a button is down, as while something is dragged.
  var hasButton: Bool { !buttons.isEmpty }

  /// Notes a key's change.
  ///
  /// - Returns: false for one that the guest must not hear of: the repetition of a key that is down,
  ///   which is the guest's own matter, and the end of a press that was not for the guest.
  mutating func note(_ key: Keycode, down: Bool) -> Bool {
    down ? keys.insert(key).inserted : keys.remove(key) != nil
  }

  /// The same for a button.
  mutating func note(_ button: PointerButton, down: Bool) -> Bool {
    down ? buttons.insert(button).inserted : buttons.remove(button) != nil
  }

  /// Lets everything go.
  ///
  /// - Returns: what the guest has to hear.
  mutating func releaseAll() -> [GuestInputEvent] {
    defer {
      keys = []
      buttons = []
    }
    return keys.sorted { $0.rawValue < $1.rawValue }.map { .key($0, down: false) }
      + PointerButton.allCases.filter(buttons.contains).map { .button($0, down: false) }
  }
}
