// SPDX-License-Identifier: Apache-2.0

/// Text of others, made fit for whoever reads it: guests, QEMU, libvirt, bridges, the host's devices
/// and files are called what somebody else decided.
///
/// One policy for terminals, windows, logs and C programs, applied where the text leaves the program.
/// What could steer a terminal, turn a line's direction or hide is shown as U+FFFD. Formats for
/// programs that can hold every character (JSON, XML) write it as a reference and lose nothing.
package enum PlainText {
  /// Whether a character can stand in any output: false for controls (C0, DEL, C1), line and paragraph
  /// separators, format characters (directions, zero width, tags) and all others that draw nothing,
  /// and noncharacters.
  package static func isSafe(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return scalar.value >= 0x20 && scalar.value != 0x7F }
    let properties = scalar.properties
    if properties.isDefaultIgnorableCodePoint || properties.isNoncharacterCodePoint { return false }
    return switch properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: false
    default: true
    }
  }

  /// Whether a character is shown as it is: what is safe, and has been assigned. What was not when
  /// this program was built may draw anything later; that is no reason to refuse it.
  package static func isShown(_ scalar: Unicode.Scalar) -> Bool {
    isSafe(scalar) && (scalar.isASCII || scalar.properties.generalCategory != .unassigned)
  }

  /// The text on one line: line feeds, carriage returns and tabs become spaces.
  ///
  /// - Parameter limit: more characters (Unicode scalars) than these are cut off, and `…` tells so.
  package static func line(_ text: some StringProtocol, limit: Int = longest) -> String {
    var line = String.UnicodeScalarView()
    for scalar in cut(text, limit).unicodeScalars { line.append(shown(scalar)) }
    return String(line)
  }

  /// The text with its lines: line feeds stay, those after a carriage return too.
  package static func lines(_ text: some StringProtocol, limit: Int = .max) -> String {
    cut(text, limit).split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
      .map { line($0, limit: .max) }
      .joined(separator: "\n")
  }

  /// The text with its lines, of which only the first begins at the margin: no text of others can
  /// pass for a message of the program's own.
  package static func paragraph(_ text: some StringProtocol, limit: Int = longest) -> String {
    lines(text, limit: limit).split(separator: "\n").joined(separator: "\n  ")
  }

  /// What a message has at most: some screens of a terminal.
  package static let longest = 8192

  private static func shown(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    switch scalar {
    case "\n", "\r", "\t": " "
    default: isShown(scalar) ? scalar : "\u{FFFD}"
    }
  }

  private static func cut(_ text: some StringProtocol, _ limit: Int) -> Substring {
    let text = Substring(text)
    let scalars = text.unicodeScalars
    guard
      let end = scalars.index(scalars.startIndex, offsetBy: limit, limitedBy: scalars.endIndex),
      end < scalars.endIndex
    else { return text }
    return text[..<end] + "…"
  }
}
