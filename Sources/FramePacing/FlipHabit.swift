// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// How a guest flips, to tell one that is between two flips from one that draws into the buffer that
/// it shows: the former's picture need not be compared with itself.
public struct FlipHabit: Sendable {
  private var last: MonotonicInstant?
  private var usual: Int?
  private var count = 0

  /// Flips in a row that make a habit.
  private static let steady = 8
  /// Nanoseconds between flips beyond which nobody calls it steady: a change would wait too long.
  private static let longest = 50_000_000

  /// Nothing is known yet.
  public init() {}

  /// The guest was seen to show another buffer.
  public mutating func flipped(at now: MonotonicInstant) {
    defer { last = now }
    guard let last else { return }
    let length = now.nanoseconds(since: last)
    guard (0...Self.longest).contains(length) else {
      usual = nil
      count = 0
      return
    }
    usual = usual.map { $0 + (length - $0) / 4 } ?? length
    count = min(count + 1, Self.steady)
  }

  /// Whether the guest flips steadily and its next flip is not overdue by more than half.
  public func isDue(now: MonotonicInstant) -> Bool {
    guard count == Self.steady, let usual, let last else { return false }
    return now.nanoseconds(since: last) <= usual + usual / 2
  }
}
