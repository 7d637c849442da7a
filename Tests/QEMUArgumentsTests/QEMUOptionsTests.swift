// SPDX-License-Identifier: Apache-2.0

import QEMUArguments
import Testing

/// Options of QEMU's command line that are JSON objects.
@Suite struct QEMUOptionsTests {
  private func value(_ text: String) -> String? { QEMUOptions(text, first: "driver")["addr"] }

  @Test(arguments: [
    ("1000", "1000"), ("-1", "-1"), ("18446744073709551615", "18446744073709551615"),
    ("true", "on"), ("false", "off"), (#""1000""#, "1000"), (#""a\u0041""#, "aA"),
  ])
  func scalarsAreTheirText(json: String, text: String) {
    #expect(value(#"{"addr":\#(json)}"#) == text)
    #expect(value(#"{ "addr" : \#(json) } "#) == text)
  }

  /// One member that no option can be takes no other with it.
  @Test(arguments: [#"{"a":1}"#, "[1]", "null"])
  func othersAreLeftOut(json: String) {
    let options = QEMUOptions(#"{"driver":"x","addr":\#(json)}"#, first: "driver")
    #expect(options["addr"] == nil)
    #expect(options["driver"] == "x")
  }

  /// QEMU refuses these as a whole.
  @Test(arguments: [
    #"{"addr":1} x"#, #"{"addr":1}}"#, #"{"addr":1}{"addr":2}"#, #"{"addr":1},id=x"#,
    #"{"addr":1"#, #"{"addr":01}"#,
  ])
  func rubbishIsNoObject(text: String) {
    #expect(value(text) == nil)
  }
}
