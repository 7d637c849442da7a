// SPDX-License-Identifier: Apache-2.0

import SafeText

/// An element of an XML document to write.
struct XMLElement {
  let name: String
  var attributes: [(name: String, value: String)]
  var children: [XMLElement]
  var text: String?

  init(
    _ name: String, _ attributes: KeyValuePairs<String, String?> = [:], text: String? = nil,
    _ children: [XMLElement] = []
  ) {
    self.name = name
    self.attributes = attributes.compactMap { name, value in value.map { (name, $0) } }
    self.children = children
    self.text = text
  }

  /// The element and its content as text, indented.
  func written(depth: Int = 0) -> String {
    let margin = String(repeating: "  ", count: depth)
    let start =
      margin + "<\(name)" + attributes.map { " \($0.name)='\(Self.escaped($0.value))'" }.joined()
    if let text { return "\(start)>\(Self.escaped(text))</\(name)>\n" }
    if children.isEmpty { return "\(start)/>\n" }
    let inner = children.map { $0.written(depth: depth + 1) }.joined()
    return "\(start)>\n\(inner)\(margin)</\(name)>\n"
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "'": result += "&apos;"
      // Escaped, because an XML reader turns these characters in attributes into blanks.
      case "\t", "\n", "\r": result += "&#\(character.value);"
      case _ where !PlainText.isShown(character): result += "&#\(character.value);"
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }

  /// Whether XML 1.0 can hold a text. XML has only three control characters, and no U+FFFE and
  /// U+FFFF.
  static func canHold(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy {
      $0.value >= 0x20 && $0.value != 0xFFFE && $0.value != 0xFFFF
        || ["\t", "\n", "\r"].contains($0)
    }
  }
}
