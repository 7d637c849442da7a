// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import SafeText

/// The option of every command that lists something.
struct JSONOption: ParsableArguments {
  @Flag(help: "Print JSON for programs instead of text for people.")
  var json = false
}

enum JSONOutput {
  /// JSON with sorted keys, so that two runs can be compared. What does something to a terminal can
  /// only be in a string of it, and is written as an escape.
  static func text(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    var text = ""
    for scalar in String(decoding: try encoder.encode(value), as: UTF8.self).unicodeScalars {
      if scalar == "\n" || PlainText.isShown(scalar) {
        text.unicodeScalars.append(scalar)
      } else {
        for unit in UTF16.encode(scalar) ?? .init() {
          text += "\\u" + hexadecimal(unit, digits: 4)
        }
      }
    }
    return text
  }
}
