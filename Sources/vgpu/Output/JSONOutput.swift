// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import JSONText

/// The option of every command that lists something.
struct JSONOption: ParsableArguments {
  @Flag(help: "Print JSON (docs/json.md).")
  var json = false
}

/// A list as JSON: an object, because an object can grow and an array cannot.
struct JSONList<Element: Encodable>: Encodable {
  private let name: String
  private let elements: [Element]

  /// - Parameter name: the key of the array.
  init(_ name: String, _ elements: [Element]) {
    self.name = name
    self.elements = elements
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode([name: elements])
  }
}

/// An optional value whose JSON is null, and not a key that is missing.
@propertyWrapper
struct OrNull<Value: Encodable>: Encodable {
  let wrappedValue: Value?

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(wrappedValue)
  }
}

extension OrNull: Sendable where Value: Sendable {}

enum JSONOutput {
  static func text(_ value: some Encodable) throws -> String { try JSON.document(value) }
}
