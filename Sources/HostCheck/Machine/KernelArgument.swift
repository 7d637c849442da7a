// SPDX-License-Identifier: Apache-2.0

/// A word of the kernel's command line, or of a module's options, as `next_arg` and `parse_args` of the
/// kernel take it apart.
struct KernelArgument: Equatable, Sendable {
  /// What stands before the sign.
  let name: Substring
  /// What stands behind it, without its quotation marks; `nil` for a word without a sign.
  let value: Substring?

  /// The words up to `--`, behind which all is init's.
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
    // A mark before the name stands for the whole word: what GRUB makes of a quoted value.
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

  /// The module and the parameter of a word such as `i915.enable_gvt`; `nil` for another.
  var parameter: (module: String, name: String)? {
    guard let dot = name.firstIndex(of: ".") else { return nil }
    let parameter = name[name.index(after: dot)...]
    guard dot != name.startIndex, !parameter.isEmpty, !parameter.contains(".") else { return nil }
    return (Self.spelled(name[..<dot]), Self.spelled(parameter))
  }

  /// The kernel and kmod take a hyphen for an underscore in names of modules and of parameters.
  static func spelled(_ name: some StringProtocol) -> String {
    String(name.map { $0 == "-" ? "_" : $0 })
  }
}
