// SPDX-License-Identifier: Apache-2.0

import SafeText

/// The value of an option of QEMU's command line: `NAME=VALUE,NAME=VALUE`, in which a comma of a
/// value is doubled, or the same as a JSON object.
package struct QEMUOptions: Hashable, Sendable {
  private var values: [String: String] = [:]

  /// Options that were read elsewhere, as in a file of `-readconfig`.
  package init(_ values: [String: String]) { self.values = values }

  /// - Parameters:
  ///   - text: what follows the option.
  ///   - first: what a first value without a name belongs to.
  package init(_ text: String, first: String) {
    if text.hasPrefix("{") {
      values = JSONMembers.read(text)
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

  /// Whether a switch is on; one that is not there is off.
  package func isOn(_ name: String) -> Bool {
    ["on", "yes", "true", "y"].contains(values[name] ?? "off")
  }

  /// By bytes: a comma with an accent is a comma to QEMU.
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

/// The members of a JSON object (RFC 8259) that are texts, numbers or truth values; the others are
/// passed over.
private struct JSONMembers {
  private let bytes: [UInt8]
  private var position = 0

  /// - Returns: none where `text` is no JSON object.
  static func read(_ text: String) -> [String: String] {
    var reader = JSONMembers(bytes: Array(text.utf8))
    return reader.members() ?? [:]
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private mutating func members() -> [String: String]? {
    guard take("{") else { return nil }
    var members: [String: String] = [:]
    if take("}") { return members }
    repeat {
      skipBlanks()
      guard let name = string(), take(":") else { return nil }
      skipBlanks()
      if let value = string() {
        members[name] = value
      } else if let value = word() {
        members[name] = value == "true" ? "on" : value == "false" ? "off" : value
      } else if !skipNested() {
        return nil
      }
    } while take(",")
    return take("}") ? members : nil
  }

  /// - Returns: `nil` where no string begins here, or it has no end.
  private mutating func string() -> String? {
    guard peek == UInt8(ascii: "\"") else { return nil }
    position += 1
    var text: [UInt8] = []
    while let byte = peek {
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        return String(validating: text, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard let scalar = escaped() else { return nil }
        text += Array(String(scalar).utf8)
      default:
        text.append(byte)
      }
    }
    return nil
  }

  /// What follows a backslash. Names and paths have no pairs of surrogates.
  private mutating func escaped() -> Unicode.Scalar? {
    guard let byte = peek else { return nil }
    position += 1
    switch byte {
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      let digits = String(decoding: bytes[position...].prefix(4), as: UTF8.self)
      position = min(position + 4, bytes.count)
      return hexadecimalNumber(digits, digits: 4...4).flatMap { Unicode.Scalar(UInt32($0)) }
    default: return Unicode.Scalar(byte)
    }
  }

  /// A number, a truth value or `null`.
  private mutating func word() -> String? {
    let start = position
    while let byte = peek, Self.isWordByte(byte) { position += 1 }
    return position == start ? nil : String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
      UInt8(ascii: "."):
      true
    default:
      false
    }
  }

  /// Passes over a list or an object.
  private mutating func skipNested() -> Bool {
    var depth = 0
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""):
        guard string() != nil else { return false }
        continue
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
      default:
        break
      }
      if depth <= 0 { break }
      position += 1
    }
    guard depth == 0, peek == UInt8(ascii: "}") || peek == UInt8(ascii: "]") else { return false }
    position += 1
    return true
  }

  private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipBlanks() {
    while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
      position += 1
    }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipBlanks()
    guard peek == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }
}
