// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation

/// The option of every command that lists something.
struct JSONOption: ParsableArguments {
  @Flag(help: "Print JSON for programs instead of text for people.")
  var json = false
}

enum JSONOutput {
  /// JSON with sorted keys, so that two runs can be compared.
  static func text(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}
