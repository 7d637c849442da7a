// SPDX-License-Identifier: Apache-2.0

/// A word of the kernel's command line, or of a module's options, split like the kernel's
/// `next_arg` and `parse_args` do.
struct KernelArgument: Equatable, Sendable {
  /// The text before the equals sign.
  let name: Substring
  /// The text after the equals sign, without quotation marks; `nil` for a word without a sign.
  let value: Substring?

  /// The words up to `--`. The words after it are for init.
  static func list(_ text: some StringProtocol) -> [KernelArgument] {
    var words: [Substring] = []
    var isQuoted = false
    var start: Substring.Index?
    let text = Substring(text)
    for index in text.indices {
      let character = text[index]
      if character == "\"" { isQuoted.toggle() }
      if character.isWhitespace, !isQuoted {
        if let begin = start { words.append(text[begin..<index]) }
        start = nil
      } else if start == nil {
        start = index
      }
    }
    if let start { words.append(text[start...]) }
    return words.prefix { $0 != "--" }.map(KernelArgument.init)
  }

  private init(_ word: Substring) {
    // A quotation mark before the name encloses the whole word. GRUB writes a quoted value so.
    let isWhole = word.first == "\""
    let word = isWhole ? Self.unquoted(word) : word
    guard let sign = word.firstIndex(of: "=") else {
      name = word
      value = nil
      return
    }
    name = word[..<sign]
    value = Self.unquoted(word[word.index(after: sign)...])
  }

  private static func unquoted(_ text: Substring) -> Substring {
    guard text.first == "\"" else { return text }
    let rest = text.dropFirst()
    return rest.last == "\"" ? rest.dropLast() : rest
  }

  /// The module and the parameter of a word such as `i915.enable_gvt`; `nil` for any other word.
  var parameter: (module: String, name: String)? {
    guard let dot = name.firstIndex(of: ".") else { return nil }
    let parameter = name[name.index(after: dot)...]
    guard dot != name.startIndex, !parameter.isEmpty, !parameter.contains(".") else { return nil }
    return (Self.spelled(name[..<dot]), Self.spelled(parameter))
  }

  /// A name with underscores, because for the kernel and kmod a hyphen equals an underscore in
  /// names of modules and parameters.
  static func spelled(_ name: some StringProtocol) -> String {
    String(name.map { $0 == "-" ? "_" : $0 })
  }
}
