// SPDX-License-Identifier: Apache-2.0

/// A value whose JSON form is its text. It is not `RawRepresentable`, because the compiler would
/// then make its own coding, with the raw value.
public protocol TextCodable: Codable, LosslessStringConvertible {}

extension TextCodable {
  /// Reads the text; throws `DecodingError.dataCorrupted` when the text is not such a value.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let value = Self(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "\(text.debugDescription) is no \(Self.self)")
    }
    self = value
  }

  /// Writes the text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
