// SPDX-License-Identifier: Apache-2.0

/// Text of others, for a message of one line.
enum Printable {
  /// The text without what could break the line or steer a terminal.
  static func line(_ text: String) -> String {
    var line = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator: line.append(" ")
      default: line.append(scalar)
      }
    }
    return String(line)
  }

  /// A few of many names.
  static func list(_ names: [String]) -> String {
    let most = 8
    return names.prefix(most).map(line).joined(separator: ", ") + (names.count > most ? ", …" : "")
  }
}
