// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// The one place that knows the JSON library.
enum JSON {
  /// One line of text.
  static func encode(_ value: some Encodable) throws -> [UInt8] {
    [UInt8](try JSONEncoder().encode(value))
  }

  static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
    try JSONDecoder().decode(type, from: Data(bytes))
  }

  /// A decoder's complaint in one line, and as long as a line should be.
  static func reason(_ error: any Error) -> String {
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
