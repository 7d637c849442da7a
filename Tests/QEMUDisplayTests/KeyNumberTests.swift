// SPDX-License-Identifier: Apache-2.0

import GuestInput
import TestSupport
import Testing

@testable import GuestControl
@testable import QEMUDisplay

@Suite struct KeyNumberTests {
  /// The keys that QEMU can press are those that it has a name for, and their numbers are keycodemapdb's.
  @Test func numbersAreThoseOfTheDatabase() throws {
    var numbers: [UInt16: UInt32] = [:]
    for row in try KeyTable().rows where row.qemuNumber != nil {
      numbers[row.number] = row.qemuNumber
    }
    for code in 1...UInt16(0x2FF) {
      let key = Keycode(rawValue: code)
      if key.qKeyCode != nil { #expect(key.qemuKeyNumber == numbers[code], "key \(code)") }
      if key.qemuKeyNumber != nil { #expect(key.qKeyCode != nil, "key \(code)") }
    }
  }
}
