// SPDX-License-Identifier: Apache-2.0

/// The variables that a bash configuration file sets (mkinitcpio.conf, dracut.conf), read without
/// running the file. It understands assignments of words and arrays over several lines, with `+=`,
/// quotation marks, comments, and the file's own variables. The output of a command is not known,
/// and counts as empty.
struct ShellAssignments: Sendable {
  private var values: [String: [String]] = [:]

  /// The most bytes of a variable, because a file that doubles a variable in each line must not
  /// fill the memory.
  fileprivate static let most = 1 << 14

  /// The words of a variable: the elements of an array, or a text split at blanks.
  subscript(_ name: String) -> [String] {
    (values[name] ?? []).flatMap { $0.split(whereSeparator: \.isWhitespace).map(String.init) }
  }

  init() {}

  /// Reads one more file, as bash would with `source`.
  mutating func read(_ bytes: [UInt8]) {
    var scanner = Scanner(bytes)
    while let token = scanner.next(values) {
      guard case .word(let word) = token, let assignment = Assignment(word) else { continue }
      var words = [assignment.value]
      if assignment.value.isEmpty, scanner.skipArrayBegin() {
        words = []
        var length = 0
        array: while let token = scanner.next(values) {
          switch token {
          case .word(let word):
            length += word.text.utf8.count
            if length <= Self.most { words += word.expanded }
          case .close: break array
          case .separator: continue
          }
        }
        if assignment.isAppended { words = (values[assignment.name] ?? []) + words }
      } else if assignment.isAppended {
        words = [(values[assignment.name] ?? []).joined(separator: " ") + assignment.value]
      }
      guard words.reduce(0, { $0 + $1.utf8.count + 1 }) <= Self.most else { continue }
      values[assignment.name] = words
    }
  }

  /// A word, and the elements when the word is an expanded array (`"${NAME[@]}"`).
  fileprivate struct Word {
    var text = ""
    /// The index of the first character that was quoted or came from a variable.
    var plain = 0
    var isPlain = true
    var array: [String]?

    var expanded: [String] { array ?? [text] }
  }

  fileprivate enum Token {
    case word(Word)
    case close
    case separator
  }

  private struct Assignment {
    let name: String
    let value: String
    let isAppended: Bool

    /// Reads `NAME=VALUE` or `NAME+=VALUE`. The name and the sign must not be quoted.
    init?(_ word: Word) {
      guard let sign = word.text.firstIndex(of: "="),
        word.text.distance(from: word.text.startIndex, to: sign) < word.plain
      else { return nil }
      var name = word.text[..<sign]
      isAppended = name.last == "+"
      if isAppended { name.removeLast() }
      guard let first = name.utf8.first, !(0x30...0x39).contains(first),
        name.utf8.allSatisfy(Scanner.isName)
      else { return nil }
      self.name = String(name)
      value = String(word.text[word.text.index(after: sign)...])
    }
  }

  /// Splits a file into bash's words.
  fileprivate struct Scanner {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    static func isName(_ byte: UInt8) -> Bool {
      byte == UInt8(ascii: "_") || (0x30...0x39).contains(byte)
        || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }

    /// Skips a bracket right after an assignment's sign.
    mutating func skipArrayBegin() -> Bool {
      guard current == UInt8(ascii: "(") else { return false }
      position += 1
      return true
    }

    mutating func next(_ values: [String: [String]]) -> Token? {
      skipBlanks()
      guard let byte = current else { return nil }
      switch byte {
      case UInt8(ascii: ")"):
        position += 1
        return .close
      case UInt8(ascii: "\n"), UInt8(ascii: ";"), UInt8(ascii: "&"), UInt8(ascii: "|"),
        UInt8(ascii: "("):
        position += 1
        return .separator
      default:
        return .word(word(values))
      }
    }

    /// Skips blanks, joined lines and comments. A comment begins at the place of a word.
    private mutating func skipBlanks() {
      while let byte = current {
        if byte == UInt8(ascii: "\\"), position + 1 < bytes.count,
          bytes[position + 1] == UInt8(ascii: "\n")
        {
          position += 2
        } else if byte == UInt8(ascii: "#") {
          while let byte = current, byte != UInt8(ascii: "\n") { position += 1 }
        } else if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
          || byte == UInt8(ascii: "\r")
        {
          position += 1
        } else {
          return
        }
      }
    }

    private mutating func word(_ values: [String: [String]]) -> Word {
      var text: [UInt8] = []
      var word = Word()
      var quote: UInt8?
      func mark(_ text: [UInt8], _ word: inout Word) {
        if word.isPlain { word.plain = String(decoding: text, as: UTF8.self).count }
        word.isPlain = false
      }
      scan: while let byte = current {
        position += 1
        switch (byte, quote) {
        case (UInt8(ascii: "'"), UInt8(ascii: "'")), (UInt8(ascii: "\""), UInt8(ascii: "\"")):
          quote = nil
        case (UInt8(ascii: "'"), nil), (UInt8(ascii: "\""), nil):
          mark(text, &word)
          quote = byte
        case (UInt8(ascii: "\\"), nil), (UInt8(ascii: "\\"), UInt8(ascii: "\"")):
          guard let next = current else { break }
          position += 1
          if next == UInt8(ascii: "\n") { break }
          mark(text, &word)
          text.append(next)
        case (UInt8(ascii: "$"), nil), (UInt8(ascii: "$"), UInt8(ascii: "\"")):
          mark(text, &word)
          guard let (name, isArray) = variable() else {
            text += command(begun: byte)
            break
          }
          let value = values[name] ?? []
          if isArray, text.isEmpty { word.array = (word.array ?? []) + value }
          if text.count <= ShellAssignments.most { text += value.joined(separator: " ").utf8 }
        case (UInt8(ascii: "`"), nil), (UInt8(ascii: "`"), UInt8(ascii: "\"")):
          mark(text, &word)
          text += command(begun: byte)
        case (_, nil) where " \t\n;&|()".utf8.contains(byte):
          position -= 1
          break scan
        default:
          text.append(byte)
        }
      }
      word.text = String(decoding: text, as: UTF8.self)
      if word.isPlain { word.plain = word.text.count }
      return word
    }

    /// Skips the command after a dollar sign or a backquote.
    ///
    /// - Returns: the sign when there is no command.
    private mutating func command(begun: UInt8) -> [UInt8] {
      var depth = 0
      var quote: UInt8?
      if begun == UInt8(ascii: "`") {
        while let byte = current, byte != begun { position += 1 }
        position = min(position + 1, bytes.count)
      } else if current == UInt8(ascii: "(") {
        repeat {
          guard let byte = current else { break }
          position += 1
          switch byte {
          case UInt8(ascii: "\\"): position = min(position + 1, bytes.count)
          case UInt8(ascii: "'"), UInt8(ascii: "\""):
            quote = quote == nil ? byte : quote == byte ? nil : quote
          case UInt8(ascii: "(") where quote == nil: depth += 1
          case UInt8(ascii: ")") where quote == nil: depth -= 1
          default: break
          }
        } while depth > 0
      } else {
        return [begun]
      }
      return []
    }

    /// Reads `NAME`, `{NAME}` or `{NAME[@]}` after a dollar sign. For any other text it returns
    /// `nil` and reads nothing.
    private mutating func variable() -> (name: String, isArray: Bool)? {
      let isBraced = current == UInt8(ascii: "{")
      var end = position + (isBraced ? 1 : 0)
      let begin = end
      while end < bytes.count, Self.isName(bytes[end]) { end += 1 }
      guard end > begin else { return nil }
      let name = String(decoding: bytes[begin..<end], as: UTF8.self)
      guard isBraced else {
        position = end
        return (name, false)
      }
      for suffix in ["[@]}", "[*]}", "}"] where bytes[end...].starts(with: suffix.utf8) {
        position = end + suffix.utf8.count
        return (name, suffix != "}")
      }
      return nil
    }
  }
}
