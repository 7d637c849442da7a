// SPDX-License-Identifier: Apache-2.0

extension String {
  /// The text in lines of at most `width` characters, broken at spaces; one empty line for an empty
  /// text.
  ///
  /// - Parameter cutting: whether a word that is longer than a line is cut. Otherwise that word has a
  ///   longer line of its own.
  package func wrapped(to width: Int, cutting: Bool = false) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in split(separator: " ") {
      var word = word
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = ""
      }
      while cutting, word.count > width {
        lines.append(String(word.prefix(width)))
        word = word.dropFirst(width)
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return lines + (line.isEmpty && !lines.isEmpty ? [] : [line])
  }
}
