// SPDX-License-Identifier: Apache-2.0

import SafeText
import Testing

/// Numbers that others write, and lines for a person.
@Suite struct DigitsTests {
  @Test(arguments: ["", "-1", "+1", " 1", "1 ", "0x1", "١", "12345", "g"])
  func otherTextIsNoNumber(text: String) {
    #expect(hexadecimalNumber(text, digits: 1...4) == nil)
  }

  @Test func hexadecimalNumbers() {
    #expect(hexadecimalNumber("Ff0a", digits: 4...4) == 0xFF0A)
    #expect(hexadecimalNumber("ff", digits: 4...4) == nil)
    #expect(hexadecimalNumber("ffffffffffffffff", digits: 1...16) == .max)
    #expect(hexadecimal(UInt16(0x0A), digits: 4) == "000a")
    #expect(hexadecimal(UInt16(0xABC), digits: 2) == "abc")
  }

  @Test func decimalNumbers() {
    #expect(decimalNumber("007") == 7)
    #expect(decimalNumber("4294967295") == 4_294_967_295)
    for text in ["", "-1", "+1", "4294967296", "1.0", "٧"] { #expect(decimalNumber(text) == nil) }
  }

  @Test func wrapsAtSpaces() {
    #expect("aa bb cc".wrapped(to: 5) == ["aa bb", "cc"])
    #expect("aa bbb".wrapped(to: 5) == ["aa", "bbb"], "the space counts")
    #expect("aaaaaaaa b".wrapped(to: 5) == ["aaaaaaaa", "b"])
    #expect("".wrapped(to: 5) == [""])
    #expect("a bbbbbbbbbbbb c".wrapped(to: 5, cutting: true) == ["a", "bbbbb", "bbbbb", "bb c"])
    #expect("aaaaabbbbb".wrapped(to: 5, cutting: true) == ["aaaaa", "bbbbb"])
    #expect("".wrapped(to: 5, cutting: true) == [""])
  }
}
