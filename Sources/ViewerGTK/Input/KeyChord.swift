// SPDX-License-Identifier: Apache-2.0

import GuestInput

/// Keys pressed together that the host keeps for itself, so that only a menu can send them.
struct KeyChord {
  let name: String
  let keys: [Keycode]

  /// The chords in the menu.
  static let offered: [KeyChord] = {
    let both = [Key.leftControl, Key.leftAlt]
    let functions = [
      Key.f1, Key.f1 + 1, Key.f1 + 2, Key.f1 + 3, Key.f1 + 4, Key.f1 + 5, Key.f1 + 6, Key.f1 + 7,
      Key.f1 + 8, Key.f1 + 9, Key.f11, Key.f11 + 1,
    ]
    return [
      KeyChord("Ctrl+Alt+Del", both + [Key.delete]),
      KeyChord("Ctrl+Alt+Backspace", both + [Key.backspace]),
      KeyChord("Alt+Tab", [Key.leftAlt, Key.tab]),
      KeyChord("Alt+F4", [Key.leftAlt, Key.f1 + 3]),
      KeyChord("Super", [Key.leftMeta]),
      KeyChord("Print", [Key.print]),
    ]
      + functions.enumerated().map { KeyChord("Ctrl+Alt+F\($0.offset + 1)", both + [$0.element]) }
  }()

  private init(_ name: String, _ codes: [UInt16]) {
    self.name = name
    keys = codes.map(Keycode.init(rawValue:))
  }

  /// The codes of linux/input-event-codes.h.
  private enum Key {
    static let backspace: UInt16 = 14
    static let tab: UInt16 = 15
    static let leftControl: UInt16 = 29
    static let leftAlt: UInt16 = 56
    static let f1: UInt16 = 59
    static let f11: UInt16 = 87
    static let print: UInt16 = 99
    static let delete: UInt16 = 111
    static let leftMeta: UInt16 = 125
  }
}
