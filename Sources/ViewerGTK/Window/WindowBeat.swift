// SPDX-License-Identifier: Apache-2.0

/// Looks once a second at what nobody tells a window, while anything goes on. A window at rest has no clock:
/// it costs nothing.
@MainActor
final class WindowBeat {
  private let look: @MainActor () -> Bool
  private let begin: @MainActor () -> Void
  private let rest: @MainActor () -> Void
  private var timer: Timer?
  private var quietLooks = 0

  /// After so many looks at which nothing went on, it rests. Until then what takes a moment to show, such as
  /// a guest that does not answer, is noticed.
  private static let patience = 5

  /// - Parameters:
  ///   - begin: called when it begins after a rest.
  ///   - look: looks; returns whether anything goes on.
  ///   - rest: called when the rest begins. From then on somebody else calls `wake`.
  init(
    begin: @escaping @MainActor () -> Void, look: @escaping @MainActor () -> Bool,
    rest: @escaping @MainActor () -> Void
  ) {
    (self.begin, self.look, self.rest) = (begin, look, rest)
  }

  /// Something goes on.
  func wake() {
    quietLooks = 0
    guard timer == nil else { return }
    begin()
    timer = Timer(milliseconds: 1000) { [unowned self] in beat() }
  }

  private func beat() {
    quietLooks = look() ? 0 : quietLooks + 1
    guard quietLooks >= Self.patience else { return }
    timer = nil
    rest()
  }
}
