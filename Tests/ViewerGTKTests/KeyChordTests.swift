// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import ViewerGTK

/// The keys that the menu sends.
@Suite struct KeyChordTests {
  @Test func keysAreTheDatabases() throws {
    let table = try KeyTable()
    let both = ["KEY_LEFTCTRL", "KEY_LEFTALT"]
    // PrintScreen is the kernel's SysRq.
    var wanted = [
      "Ctrl+Alt+Del": both + ["KEY_DELETE"], "Ctrl+Alt+Backspace": both + ["KEY_BACKSPACE"],
      "Alt+Tab": ["KEY_LEFTALT", "KEY_TAB"], "Alt+F4": ["KEY_LEFTALT", "KEY_F4"],
      "Super": ["KEY_LEFTMETA"], "Print": ["KEY_SYSRQ"],
    ]
    for number in 1...12 { wanted["Ctrl+Alt+F\(number)"] = both + ["KEY_F\(number)"] }
    #expect(KeyChord.offered.count == wanted.count)
    for chord in KeyChord.offered {
      let names = try #require(wanted[chord.name], "\(chord.name)")
      #expect(chord.keys.map(\.rawValue) == table.numbers(names), "\(chord.name)")
    }
  }
}
