// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// The shortcuts of a viewer's window: Ctrl+Alt and a letter, and F8 and F11 while the guest does
/// not get them.
enum WindowShortcut {
  /// Ctrl+Alt+F, F11.
  case fullscreen
  /// Ctrl+Alt+G.
  case grab
  /// Ctrl+Alt+M.
  case menu
  /// Ctrl+Alt+P.
  case picture
  /// Ctrl+Alt+S, F8.
  case statistics

  /// - Parameters:
  ///   - key: the key's meaning in the layout (GDK_KEY_*).
  ///   - code: the key's number in the display server.
  ///   - state: the modifiers.
  ///   - isTyping: whether the guest gets the keyboard.
  init?(key: guint, code: UInt32, state: guint, isTyping: Bool) {
    switch key {
    case guint(GDK_KEY_F8) where !isTyping:
      self = .statistics
      return
    case guint(GDK_KEY_F11) where !isTyping:
      self = .fullscreen
      return
    default: break
    }
    let both = GDK_CONTROL_MASK.rawValue | GDK_MOD1_MASK.rawValue
    let others = GDK_SHIFT_MASK.rawValue | GDK_SUPER_MASK.rawValue
    guard state & both == both, state & others == 0 else { return nil }
    switch Self.letter(key, code) {
    case "f": self = .fullscreen
    case "g": self = .grab
    case "m": self = .menu
    case "p": self = .picture
    case "s": self = .statistics
    default: return nil
    }
  }

  /// The letter on the key; in a layout without Latin letters, the letter on a US keyboard.
  private static func letter(_ key: guint, _ code: UInt32) -> Character? {
    let lower = gdk_keyval_to_lower(key)
    if lower < 0x80 { return Unicode.Scalar(lower).map(Character.init) }
    // KEY_P, KEY_S and so on of linux/input-event-codes.h, plus the 8 that display servers add.
    switch code {
    case 25 + 8: return "p"
    case 31 + 8: return "s"
    case 33 + 8: return "f"
    case 34 + 8: return "g"
    case 50 + 8: return "m"
    default: return nil
    }
  }
}
