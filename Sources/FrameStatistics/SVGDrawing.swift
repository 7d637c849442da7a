// SPDX-License-Identifier: Apache-2.0

import SafeText

/// A growing drawing in SVG 1.1. Text is escaped, so it may hold any character.
struct SVGDrawing {
  let width: Int
  let height: Int
  private var body = ""

  init(width: Int, height: Int) {
    self.width = width
    self.height = height
  }

  enum Anchor: String {
    case start
    case middle
    case end
  }

  mutating func rectangle(
    _ style: String, x: Double, y: Double, width: Double, height: Double
  ) {
    body +=
      "<rect class=\"\(style)\" x=\"\(x.fixed(1))\" y=\"\(y.fixed(1))\" width=\"\(max(0, width).fixed(1))\" height=\"\(max(0, height).fixed(1))\"/>\n"
  }

  mutating func line(_ style: String, _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) {
    body +=
      "<line class=\"\(style)\" x1=\"\(x1.fixed(1))\" y1=\"\(y1.fixed(1))\" x2=\"\(x2.fixed(1))\" y2=\"\(y2.fixed(1))\"/>\n"
  }

  /// Many lines as one path.
  mutating func lines(_ style: String, _ lines: [(x: Double, from: Double, to: Double)]) {
    guard !lines.isEmpty else { return }
    let path = lines.map { "M\($0.x.fixed(1)) \($0.from.fixed(1))V\($0.to.fixed(1))" }
    body += "<path class=\"\(style)\" d=\"\(path.joined())\"/>\n"
  }

  mutating func text(
    _ style: String, _ x: Double, _ y: Double, _ text: String, _ anchor: Anchor = .start,
    turned: Bool = false
  ) {
    let place =
      turned
      ? "transform=\"translate(\(x.fixed(1)) \(y.fixed(1))) rotate(-90)\""
      : "x=\"\(x.fixed(1))\" y=\"\(y.fixed(1))\""
    body +=
      "<text class=\"\(style)\" \(place) text-anchor=\"\(anchor.rawValue)\">\(Self.escape(text))</text>\n"
  }

  /// The whole document.
  func document(title: String, style: String) -> String {
    """
    <?xml version="1.0" encoding="UTF-8"?>
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" \
    width="\(width)" height="\(height)" role="img">
    <title>\(Self.escape(title))</title>
    <style>
    \(style)
    </style>
    \(body)</svg>

    """
  }

  /// Escapes the content of elements. A character that XML 1.0 forbids becomes a question mark.
  static func escape(_ text: String) -> String {
    var escaped = ""
    for scalar in PlainText.line(text).unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
