// SPDX-License-Identifier: Apache-2.0

/// Keeps the moment of looking away from the moment of a guest's flips.
///
/// A guest that flips about as often as the monitor refreshes, though never quite, has its flips
/// wander through the refresh. While they pass the moment of looking, the least jitter puts some
/// before and some after it: a frame is shown twice, the next is never seen, for seconds. So when
/// that begins, looks move to an earlier moment, or back, where the flips are not; and otherwise
/// creep back to the latest one.
public struct LookPhase: Sendable {
  /// Nanoseconds by which to look earlier than one would have to.
  public private(set) var nanoseconds = 0

  /// Looks, the last one lowest; set for those that saw a flip, or are still to come.
  private var history = allFlips
  private var looksSinceMove = longestPause
  private var pause = shortestPause

  private static let looks = 24
  private static let allFlips: UInt32 = 1 << UInt32(looks) - 1
  /// Looks without a flip, of those, that tell of the passing: one is what different rates have, and
  /// a guest that flips seldom has more.
  private static let telling = 2...4
  /// Looks between two moves, at least. Moves that follow each other at once do not help, and each
  /// may cost a frame: then it waits twice as long.
  private static let shortestPause = 60
  private static let longestPause = 16_384
  /// Looks after a move until it creeps back.
  private static let stay = 256

  /// Nothing was seen yet.
  public init() {}

  /// A turn was taken.
  ///
  /// - Parameters:
  ///   - flip: whether the guest shows another frame than at the turn before.
  ///   - interval: the monitor's, in nanoseconds.
  public mutating func saw(flip: Bool, interval: Int) {
    history = (history << 1 | (flip ? 1 : 0)) & Self.allFlips
    looksSinceMove = min(looksSinceMove + 1, 2 * Self.longestPause + 1)
    if !flip, Self.telling.contains(Self.looks - history.nonzeroBitCount), looksSinceMove > pause {
      move(interval)
    } else if looksSinceMove > Self.stay {
      nanoseconds = max(0, nanoseconds - interval / 4096)
    }
  }

  private mutating func move(_ interval: Int) {
    pause =
      looksSinceMove <= 2 * pause ? min(2 * pause, Self.longestPause) : Self.shortestPause
    nanoseconds = nanoseconds == 0 ? interval * 3 / 16 : 0
    looksSinceMove = 0
  }
}
