// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import SafeText

/// What is on its way between the host and a guest, in one line of text. Escape cancels it.
@MainActor
final class Activities {
  /// Called when the line has changed.
  var onChange: (@MainActor () -> Void)?
  private var running: [Activity] = []

  /// A short one is not told: it would only flicker.
  fileprivate static let patience = 0.4

  /// Begins one.
  ///
  /// - Parameters:
  ///   - title: what it is, such as `Pasting from the guest`.
  ///   - cancel: ends it before its time.
  func begin(_ title: String, cancel: @escaping @MainActor () -> Void) -> Activity {
    let activity = Activity(title, cancel) { [weak self] activity in
      self?.changed(activity)
    }
    running.append(activity)
    return activity
  }

  /// The line; `nil` when there is nothing to tell.
  var line: String? {
    running.last { $0.isOld }.map { activity in
      let more = running.count - 1
      if more == 0 { return translated("%1$s. Escape cancels.", activity.line) }
      return translated(
        one: "%1$s (and %2$s more). Escape cancels.", many: "%1$s (and %2$s more). Escape cancels.",
        count: more, activity.line, "\(more)")
    }
  }

  /// Cancels what the line tells of.
  ///
  /// - Returns: whether there was something.
  func cancel() -> Bool {
    guard let activity = running.last(where: \.isOld) else { return false }
    activity.cancel()
    return true
  }

  /// Cancels all of it.
  func cancelAll() {
    for activity in running { activity.cancel() }
  }

  private func changed(_ activity: Activity) {
    if activity.hasEnded { running.removeAll { $0 === activity } }
    onChange?()
  }
}

/// One thing that is on its way.
@MainActor
final class Activity: Sendable {
  let cancel: @MainActor () -> Void
  private let title: String
  private let changed: @MainActor (Activity) -> Void
  private let start = MonotonicInstant.now
  private var detail = ""
  private(set) var hasEnded = false

  fileprivate init(
    _ title: String, _ cancel: @escaping @MainActor () -> Void,
    _ changed: @escaping @MainActor (Activity) -> Void
  ) {
    self.title = title
    self.cancel = cancel
    self.changed = changed
  }

  fileprivate var isOld: Bool { MonotonicInstant.now.seconds(since: start) > Activities.patience }

  fileprivate var line: String { detail.isEmpty ? title : translated("%1$s: %2$s", title, detail) }

  /// Tells how far it is, and how long it takes on if that is known, from any thread.
  nonisolated func progress(_ bytes: UInt64, of total: UInt64, secondsLeft: Double? = nil) {
    MainLoop.call { self.note(bytes, total, secondsLeft) }
  }

  private func note(_ bytes: UInt64, _ total: UInt64, _ secondsLeft: Double?) {
    guard !hasEnded else { return }
    let (sent, all) = (ByteCount.text(bytes), ByteCount.text(total))
    let text =
      if let secondsLeft, secondsLeft >= 1, secondsLeft < 360_000 {
        translated("%1$s of %2$s, %3$s s left", sent, all, "\(Int(secondsLeft.rounded(.up)))")
      } else {
        translated("%1$s of %2$s", sent, all)
      }
    guard text != detail else { return }
    detail = text
    changed(self)
  }

  /// It is over.
  func end() {
    guard !hasEnded else { return }
    hasEnded = true
    changed(self)
  }
}
