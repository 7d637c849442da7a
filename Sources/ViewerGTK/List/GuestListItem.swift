// SPDX-License-Identifier: Apache-2.0

/// A line of a list of guests. Its texts are shown as they are, so they hold nothing that could mislead: one
/// line each, without characters that hide or turn directions.
package struct GuestListItem: Hashable, Sendable {
  /// What tells it from the others, from one list to the next.
  package let id: String
  /// The icon's name in the desktop's theme.
  package let icon: String
  /// The guest's name.
  package let title: String
  /// Where it is, and who shows it.
  package let detail: String
  /// Whether it runs, in a word or two.
  package let state: String
  /// Why it cannot be opened; `nil` for one that can.
  package let obstacle: String?
  /// Whether it can be started.
  package let canStart: Bool
  /// Its name on the command line, for the clipboard; `nil` when it has none.
  package let target: String?

  /// Makes a line from its parts.
  package init(
    id: String, icon: String, title: String, detail: String, state: String, obstacle: String?,
    canStart: Bool, target: String?
  ) {
    self.id = id
    self.icon = icon
    self.title = title
    self.detail = detail
    self.state = state
    self.obstacle = obstacle
    self.canStart = canStart
    self.target = target
  }

  /// Whether it has each of these words, in upper or lower case.
  package func matches(_ words: String) -> Bool {
    let text = "\(title) \(detail) \(state) \(target ?? "")".lowercased()
    return words.lowercased().split(whereSeparator: \.isWhitespace).allSatisfy(text.contains)
  }
}
