// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import SafeText

/// JSON (RFC 8259), read and written: the one place of the libraries that knows the JSON library.
///
/// What it reads may come from anybody. Its depth is bounded (512), and a defect is an error.
package enum JSON {
  /// One line of text, in which a path stands as it is.
  package static func encode(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    return [UInt8](try encoder.encode(value))
  }

  /// JSON for a person too: a key a line, the keys sorted, so that two runs can be compared. What
  /// does something to a terminal can only be in a string of it, and is written as an escape.
  package static func document(_ value: some Encodable) throws -> String {
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

  /// A text in quotation marks.
  package static func quoted(_ text: String) -> String {
    // Every text can be written.
    (try? encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? #""""#
  }

  /// - Parameter context: what a type's `init(from:)` gets by `context(of:)`.
  package static func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: [UInt8], context: (any Sendable)? = nil
  ) throws -> Value {
    let decoder = JSONDecoder()
    if let contextKey, let context { decoder.userInfo[contextKey] = context }
    return try decoder.decode(type, from: Data(bytes))
  }

  /// What was given to `decode`.
  package static func context(of decoder: any Decoder) -> Any? {
    contextKey.flatMap { decoder.userInfo[$0] }
  }

  private static let contextKey = CodingUserInfoKey(rawValue: "context")

  /// A decoder's or an encoder's complaint in one line, and as long as a line should be.
  package static func reason(_ error: any Error) -> String {
    let context: DecodingError.Context? =
      switch error as? DecodingError {
      case .dataCorrupted(let context): context
      case .keyNotFound(_, let context): context
      case .typeMismatch(_, let context): context
      case .valueNotFound(_, let context): context
      default: nil
      }
    let text = context?.debugDescription ?? "\(error)"
    return String(text.prefix(200)).split(whereSeparator: \.isNewline).joined(separator: " ")
  }
}
