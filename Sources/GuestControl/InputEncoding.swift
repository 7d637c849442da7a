// SPDX-License-Identifier: Apache-2.0

import GuestInput
import QMP

extension Keycode {
  /// The key's name in QEMU (QAPI's `QKeyCode`); `nil` for a key that QEMU has no name for, because
  /// QEMU cannot press it. QAPI's other form, `number`, reaches no more keys: QEMU turns the number
  /// into a name before any keyboard gets it.
  package var qKeyCode: String? { Self.names[rawValue] }

  /// QEMU's names by the kernel's key code. `asterisk` and `sysrq` are left out, because they are
  /// second names for `kp_multiply` and `print`.
  static let names: [UInt16: String] = [
    // Typewriter block
    1: "esc",
    2: "1", 3: "2", 4: "3", 5: "4", 6: "5", 7: "6", 8: "7", 9: "8", 10: "9", 11: "0",
    12: "minus", 13: "equal", 14: "backspace", 15: "tab",
    16: "q", 17: "w", 18: "e", 19: "r", 20: "t", 21: "y", 22: "u", 23: "i", 24: "o", 25: "p",
    26: "bracket_left", 27: "bracket_right", 28: "ret", 29: "ctrl",
    30: "a", 31: "s", 32: "d", 33: "f", 34: "g", 35: "h", 36: "j", 37: "k", 38: "l",
    39: "semicolon", 40: "apostrophe", 41: "grave_accent", 42: "shift", 43: "backslash",
    44: "z", 45: "x", 46: "c", 47: "v", 48: "b", 49: "n", 50: "m",
    51: "comma", 52: "dot", 53: "slash", 54: "shift_r",
    56: "alt", 57: "spc", 58: "caps_lock", 86: "less",
    97: "ctrl_r", 100: "alt_r", 125: "meta_l", 126: "meta_r", 127: "compose",

    // Function keys
    59: "f1", 60: "f2", 61: "f3", 62: "f4", 63: "f5", 64: "f6", 65: "f7", 66: "f8", 67: "f9",
    68: "f10", 87: "f11", 88: "f12",
    183: "f13", 184: "f14", 185: "f15", 186: "f16", 187: "f17", 188: "f18", 189: "f19",
    190: "f20", 191: "f21", 192: "f22", 193: "f23", 194: "f24",
    99: "print", 70: "scroll_lock", 119: "pause",

    // Cursor block
    110: "insert", 102: "home", 104: "pgup", 111: "delete", 107: "end", 109: "pgdn",
    103: "up", 105: "left", 106: "right", 108: "down",

    // Keypad
    69: "num_lock", 98: "kp_divide", 55: "kp_multiply", 74: "kp_subtract", 78: "kp_add",
    71: "kp_7", 72: "kp_8", 73: "kp_9", 75: "kp_4", 76: "kp_5", 77: "kp_6",
    79: "kp_1", 80: "kp_2", 81: "kp_3", 82: "kp_0", 83: "kp_decimal", 96: "kp_enter",
    117: "kp_equals", 121: "kp_comma",

    // Japan, Korea, Brazil (whose "/ ?" is KEY_RO)
    89: "ro", 91: "hiragana", 92: "henkan", 93: "katakanahiragana", 94: "muhenkan", 124: "yen",
    122: "lang1", 123: "lang2",

    // Media and power
    113: "audiomute", 114: "volumedown", 115: "volumeup",
    163: "audionext", 164: "audioplay", 165: "audioprev", 166: "audiostop", 226: "mediaselect",
    116: "power", 142: "sleep", 143: "wake",
    140: "calculator", 155: "mail", 157: "computer",
    156: "ac_bookmarks", 158: "ac_back", 159: "ac_forward", 172: "ac_home", 173: "ac_refresh",

    // Workstations
    101: "lf", 128: "stop", 129: "again", 130: "props", 131: "undo", 132: "front", 133: "copy",
    134: "open", 135: "paste", 136: "find", 137: "cut", 138: "help", 139: "menu",
  ]
}

extension GuestInputEvent {
  /// The event as QMP events; empty for a key that QEMU has no name for.
  var inputEvents: [InputEvent] {
    switch self {
    case .key(let key, let down):
      key.qKeyCode.map { [.key($0, down: down)] } ?? []
    case .button(let button, let down):
      [.button(button.inputButton, down: down)]
    case .absolute(let x, let y):
      [.absolute(.x, x), .absolute(.y, y)]
    case .relative(let dx, let dy):
      [.relative(.x, dx), .relative(.y, dy)]
    case .touchDown(let slot, let x, let y):
      [
        .touch(.begin, slot: slot), .touchButton(down: true), .touchPlace(slot: slot, .x, x),
        .touchPlace(slot: slot, .y, y),
      ]
    case .touchMove(let slot, let x, let y):
      [
        .touch(.update, slot: slot), .touchPlace(slot: slot, .x, x),
        .touchPlace(slot: slot, .y, y),
      ]
    case .touchUp(let slot):
      // The guest's driver knows by the slots whether another finger is there.
      [.touch(.end, slot: slot), .touchButton(down: false)]
    case .wheel(let axis, let notches):
      // QEMU's PS/2, USB and virtio devices count a wheel's presses, so one command may hold
      // several.
      Array(
        repeating: axis.inputButton(isForward: notches > 0), count: abs(notches)
      ).flatMap { [.button($0, down: true), .button($0, down: false)] }
    }
  }
}

extension PointerButton {
  fileprivate var inputButton: InputButton {
    switch self {
    case .left: .left
    case .middle: .middle
    case .right: .right
    case .side: .side
    case .extra: .extra
    }
  }
}

extension WheelAxis {
  /// The wheel's button. Forward is down or to the right.
  fileprivate func inputButton(isForward: Bool) -> InputButton {
    switch self {
    case .vertical: isForward ? .wheelDown : .wheelUp
    case .horizontal: isForward ? .wheelRight : .wheelLeft
    }
  }
}
