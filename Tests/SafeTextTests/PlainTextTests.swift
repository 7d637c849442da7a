// SPDX-License-Identifier: Apache-2.0

import SafeText
import Testing

struct PlainTextTests {
  /// One of each kind that steers a terminal, turns a line around, or hides.
  @Test(
    arguments: [
      "\u{0}", "\u{7}", "\u{8}", "\u{B}", "\u{C}", "\u{1B}", "\u{7F}", "\u{85}", "\u{90}",
      "\u{9B}", "\u{9D}", "\u{2028}", "\u{2029}", "\u{202A}", "\u{202B}", "\u{202C}",
      "\u{202D}", "\u{202E}", "\u{2066}", "\u{2067}", "\u{2068}", "\u{2069}", "\u{200E}",
      "\u{200F}", "\u{61C}", "\u{200B}", "\u{200C}", "\u{200D}", "\u{2060}", "\u{FEFF}",
      "\u{AD}", "\u{34F}", "\u{115F}", "\u{3164}", "\u{FE0F}", "\u{FFF9}", "\u{FFFE}",
      "\u{FFFF}", "\u{E0041}", "\u{E0100}", "\u{1FFFF}",
    ] as [Unicode.Scalar])
  func whatSteersOrHidesIsSeen(scalar: Unicode.Scalar) {
    #expect(!PlainText.isSafe(scalar))
    #expect(PlainText.line("a\(scalar)b") == "a\u{FFFD}b")
    #expect(PlainText.lines("a\(scalar)b\nc") == "a\u{FFFD}b\nc")
  }

  @Test func noControlPasses() {
    for value in [0..<0x20, 0x7F..<0xA0].joined() {
      #expect(!PlainText.isSafe(Unicode.Scalar(UInt8(value))))
    }
  }

  /// A later Unicode may have it: no reason to refuse it, and none to show it.
  @Test func whatNobodyHasAssigned() {
    #expect(PlainText.isSafe("\u{378}") && !PlainText.isShown("\u{378}"))
    #expect(PlainText.line("\u{378}") == "\u{FFFD}")
  }

  @Test(arguments: [
    "", "win10", "Küche – 2", "仮想マシン", "מחשב", "نص", "e\u{301}", "😀", "\u{E0B0}", "a\u{A0}b", "…",
    "\u{FFFD}", #"\u{1B}[2J"#,
  ])
  func whatPeopleWriteStays(text: String) {
    #expect(PlainText.line(text) == text)
    #expect(PlainText.lines(text) == text)
  }

  @Test func linesAreMadeOneOrStay() {
    let text = "a\tb\r\nc\rd\n\ne\n"
    #expect(PlainText.line(text) == "a b  c d  e ")
    #expect(PlainText.lines(text) == "a b\nc d\n\ne\n")
  }

  @Test func nothingOfOthersBeginsAtTheMargin() {
    #expect(
      PlainText.paragraph("QEMU ended:\nError: all is well\r\n\nvgpu: note\n")
        == "QEMU ended:\n  Error: all is well\n  vgpu: note")
  }

  @Test func longTextIsCut() {
    let long = String(repeating: "é", count: 10_000)
    #expect(PlainText.line(long) == String(long.prefix(PlainText.longest)) + "…")
    #expect(PlainText.line(PlainText.line(long)) == PlainText.line(long))
    #expect(PlainText.line("abcd", limit: 4) == "abcd")
    #expect(PlainText.line("abcde", limit: 4) == "abcd…")
    #expect(PlainText.lines(long) == long)
    #expect(PlainText.paragraph("a\nb\nc", limit: 3) == "a\n  b…")
  }
}
