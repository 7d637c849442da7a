// SPDX-License-Identifier: Apache-2.0

import GuestInput
import Testing

@Suite struct KeyNameTests {
  @Test func keycodesOfTheWindowSystemCountFromEight() {
    #expect(Keycode(xkb: 38)?.rawValue == 30)
    #expect(Keycode(xkb: 8) == nil)
    #expect(Keycode(xkb: .max) == nil)
  }
}
