// SPDX-License-Identifier: Apache-2.0

extension String {
  /// The text in lines of at most so many characters, broken at spaces; a longer word has a line of
  /// its own.
  package func wrapped(to width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in split(separator: " ") {
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return lines + [line]
  }
}
