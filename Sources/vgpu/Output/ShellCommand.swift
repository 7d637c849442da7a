// SPDX-License-Identifier: Apache-2.0

import SafeText

/// A command as a shell takes it.
enum ShellCommand {
  /// - Parameter nodes: what the program gets opened for reading and writing, by the descriptor's
  ///   number.
  static func text(_ words: [String], nodes: [(number: Int32, path: String)]) -> String {
    (words.map(quoted) + nodes.map { "\($0.number)<>\(quoted($0.path))" }).joined(separator: " ")
  }

  /// What is one word to a shell.
  private static func quoted(_ word: String) -> String {
    let plain = word.allSatisfy {
      $0.isASCII && ($0.isLetter || $0.isNumber || "-_./=,:+".contains($0))
    }
    guard !plain || word.isEmpty else { return word }
    guard word.unicodeScalars.allSatisfy(PlainText.isShown) else {
      // POSIX.1-2024's quotes with escapes, here for every byte that needs any.
      let bytes = word.utf8.map { byte in
        let scalar = Unicode.Scalar(byte)
        let isPlain = (0x20..<0x7F).contains(byte) && scalar != "'" && scalar != "\\"
        return isPlain ? String(scalar) : "\\" + octal(byte)
      }
      return "$'\(bytes.joined())'"
    }
    return "'"
      + word.split(separator: "'", omittingEmptySubsequences: false)
      .joined(separator: "'\\''") + "'"
  }

  /// Three digits, so that what follows is not taken for a fourth.
  private static func octal(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 8)
    return String(repeating: "0", count: 3 - digits.count) + digits
  }
}
