// SPDX-License-Identifier: Apache-2.0

import JSONText

/// The value of an option of QEMU's command line: `NAME=VALUE,NAME=VALUE`, with each comma inside
/// of a value doubled, or the same as a JSON object.
package struct QEMUOptions: Hashable, Sendable {
  private var values: [String: String] = [:]

  /// Makes a value from options that were read elsewhere, such as in a file of `-readconfig`.
  package init(_ values: [String: String]) { self.values = values }

  /// - Parameters:
  ///   - text: the text after the option.
  ///   - first: the name of a first value that has no name.
  package init(_ text: String, first: String) {
    if text.hasPrefix("{") {
      let members = try? JSON.decode([String: JSONMember].self, from: Array(text.utf8))
      values = members?.compactMapValues(\.text) ?? [:]
      return
    }
    for (index, part) in Self.parts(Array(text.utf8)).enumerated() {
      let whole = String(decoding: part, as: UTF8.self)
      if let sign = part.firstIndex(of: UInt8(ascii: "=")) {
        let name = String(decoding: part[..<sign], as: UTF8.self)
        values[name] = String(decoding: part[(sign + 1)...], as: UTF8.self)
      } else if index == 0 {
        values[first] = whole
      } else if whole.hasPrefix("no") {
        values[String(whole.dropFirst(2))] = "off"
      } else {
        values[whole] = "on"
      }
    }
  }

  package subscript(name: String) -> String? {
    get { values[name] }
    set { values[name] = newValue }
  }

  /// Whether a switch is on; a missing switch is off.
  package func isOn(_ name: String) -> Bool {
    ["on", "yes", "true", "y"].contains(values[name] ?? "off")
  }

  /// The text is split by bytes, because QEMU takes a comma with an accent for a comma.
  private static func parts(_ text: [UInt8]) -> [[UInt8]] {
    let comma = UInt8(ascii: ",")
    var parts: [[UInt8]] = []
    var part: [UInt8] = []
    var rest = text[...]
    while let byte = rest.popFirst() {
      if byte != comma {
        part.append(byte)
      } else if rest.first == comma {
        part.append(byte)
        rest.removeFirst()
      } else {
        parts.append(part)
        part = []
      }
    }
    parts.append(part)
    return parts
  }
}

/// The command line's text for a member of a JSON object; `nil` for a list, an object and `null`,
/// which no option has.
private struct JSONMember: Decodable {
  let text: String?

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if let text = try? value.decode(String.self) {
      self.text = text
    } else if let isOn = try? value.decode(Bool.self) {
      text = isOn ? "on" : "off"
    } else if let number = try? value.decode(Int64.self) {
      text = "\(number)"
    } else if let number = try? value.decode(UInt64.self) {
      text = "\(number)"
    } else {
      text = (try? value.decode(Double.self)).map { "\($0)" }
    }
  }
}
