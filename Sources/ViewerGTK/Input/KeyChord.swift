// SPDX-License-Identifier: Apache-2.0

import GuestInput

/// Keys pressed together that the host keeps for itself, so that only a menu can send them.
struct KeyChord {
  let name: String
  /// The same in the user's language.
  let title: String
  let keys: [Keycode]

  /// Whether it is one of the many that switch a guest's consoles.
  var isOfFunctionKey: Bool { name.hasPrefix("Ctrl+Alt+F") }

  /// The chords in the menu.
  static let offered: [KeyChord] = {
    let both = [Key.leftControl, Key.leftAlt]
    let functions = [
      Key.f1, Key.f1 + 1, Key.f1 + 2, Key.f1 + 3, Key.f1 + 4, Key.f1 + 5, Key.f1 + 6, Key.f1 + 7,
      Key.f1 + 8, Key.f1 + 9, Key.f11, Key.f11 + 1,
    ]
    return [
      KeyChord("Ctrl+Alt+Del", translated("Ctrl+Alt+Del"), both + [Key.delete]),
      KeyChord("Ctrl+Alt+Backspace", translated("Ctrl+Alt+Backspace"), both + [Key.backspace]),
      KeyChord("Alt+Tab", translated("Alt+Tab"), [Key.leftAlt, Key.tab]),
      KeyChord("Alt+F4", translated("Alt+F4"), [Key.leftAlt, Key.f1 + 3]),
      KeyChord("Super", translated("Super"), [Key.leftMeta]),
      KeyChord("Print", translated("Print"), [Key.print]),
    ]
      + functions.enumerated().map { index, key in
        KeyChord(
          "Ctrl+Alt+F\(index + 1)", translated("Ctrl+Alt+%1$s", "F\(index + 1)"), both + [key])
      }
  }()

  private init(_ name: String, _ title: String, _ codes: [UInt16]) {
    self.name = name
    self.title = title
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
