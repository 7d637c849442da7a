// SPDX-License-Identifier: Apache-2.0

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
    return "'"
      + word.split(separator: "'", omittingEmptySubsequences: false)
      .joined(separator: "'\\''") + "'"
  }
}
