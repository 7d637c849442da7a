// SPDX-License-Identifier: Apache-2.0

import CGTK3
import SafeText

/// A question to the user who closes the window, such as whether the guest powers down. The user can
/// also cancel.
public struct CloseQuestion: Sendable {
  /// The question, in a few words.
  public let title: String
  /// The explanation below the question.
  public let text: String
  /// The possible answers. The Enter key chooses the last one.
  public let answers: [Answer]

  /// A possible answer.
  public struct Answer: Sendable {
    /// The button's text.
    public let label: String
    /// Whether the answer loses something.
    public let isDestructive: Bool
    /// The action.
    public let action: @MainActor @Sendable () -> Outcome

    /// Makes an answer from its parts.
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

  /// Makes a question from its parts.
  public init(title: String, text: String, answers: [Answer]) {
    self.title = title
    self.text = text
    self.answers = answers
  }
}

/// A `CloseQuestion` in front of a window, until it is answered.
@MainActor
final class CloseDialog {
  private var dialog: UnsafeMutablePointer<GtkWidget>?
  private let onAnswer: @MainActor (CloseQuestion.Answer?) -> Void
  private let answers: [CloseQuestion.Answer]

  /// Opens it.
  ///
  /// - Parameter onAnswer: called once; with `nil` when the user cancels.
  init(
    _ question: CloseQuestion, before window: UnsafeMutablePointer<GtkWidget>,
    onAnswer: @escaping @MainActor (CloseQuestion.Answer?) -> Void
  ) {
    answers = question.answers
    self.onAnswer = onAnswer
    let widget = vgpu_gtk_question(
      window, PlainText.line(question.title, limit: 256), PlainText.lines(question.text))
    guard let widget else { return }
    dialog = widget
    let dialog = vgpu_gtk_dialog(widget)
    gtk_dialog_add_button(dialog, translated("Cancel"), GTK_RESPONSE_CANCEL.rawValue)
    for (index, answer) in answers.enumerated() {
      let button = gtk_dialog_add_button(dialog, answer.label, gint(index))
      if answer.isDestructive {
        gtk_style_context_add_class(gtk_widget_get_style_context(button), "destructive-action")
      }
    }
    gtk_dialog_set_default_response(dialog, gint(answers.count - 1))
    vgpu_connect_response(widget, onResponse, Unmanaged.borrowed(self))
    gtk_widget_show_all(widget)
  }

  isolated deinit { close() }

  private func close() {
    if let dialog { gtk_widget_destroy(dialog) }
    dialog = nil
  }

  fileprivate func responded(_ response: gint) {
    close()
    let index = Int(response)
    onAnswer(answers.indices.contains(index) ? answers[index] : nil)
  }
}

private func onResponse(
  _ dialog: UnsafeMutablePointer<GtkDialog>?, _ response: gint, _ data: UnsafeMutableRawPointer?
) {
  onMain(data, as: CloseDialog.self) { $0.responded(response) }
}
