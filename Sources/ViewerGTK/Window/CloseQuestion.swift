// SPDX-License-Identifier: Apache-2.0

/// What is asked when the user wants to close the window, such as what is to become of the guest.
/// Besides the answers here the user may think better of it.
public struct CloseQuestion: Sendable {
  /// The question, in a few words.
  public let title: String
  /// What there is to know.
  public let text: String
  /// What can be answered; the last is what the Enter key means.
  public let answers: [Answer]

  /// A possible answer.
  public struct Answer: Sendable {
    /// The button's text.
    public let label: String
    /// Whether something is lost by it.
    public let isDestructive: Bool
    /// What is done then.
    public let action: @MainActor @Sendable () -> Outcome

    /// Makes an answer of its parts.
    public init(
      _ label: String, isDestructive: Bool = false,
      action: @escaping @MainActor @Sendable () -> Outcome
    ) {
      self.label = label
      self.isDestructive = isDestructive
      self.action = action
    }
  }

  /// What an answer means for the window.
  public enum Outcome: Sendable {
    /// It closes.
    case close
    /// It stays for now, and says this below its title.
    case stay(status: String)
  }

  /// Makes a question of its parts.
  public init(title: String, text: String, answers: [Answer]) {
    self.title = title
    self.text = text
    self.answers = answers
  }
}
