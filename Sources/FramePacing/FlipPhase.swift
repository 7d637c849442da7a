// SPDX-License-Identifier: Apache-2.0

/// Where between two refreshes a guest flips that does so about as often as the monitor refreshes.
///
/// Its flip can be seen as soon as it is made: what is handed over then is in the same refresh, and a
/// machine that wakes threads late has the rest of the refresh to spare. So there is a first look
/// where the flip has just been, and a last one, at the latest moment, only when that saw nothing.
///
/// The flips of a guest that is never quite as fast as the monitor wander through the refresh. While
/// they pass one of the two looks, the least jitter loses nothing: the other look sees the flip.
package struct FlipPhase: Sendable {
  /// Which look before a refresh saw a flip.
  package enum Sight: Hashable, Sendable {
    /// The first one, so that there was no last one.
    case first
    /// The last one, after a first one that saw nothing.
    case last
    /// The last one, which was the only one.
    case only
    /// The guest did not flip.
    case neither
  }

  /// How long before the refresh the first look is, in 1/512 of the monitor's interval.
  private var lead = wholeInterval
  /// First looks that saw a flip, since one that did not.
  private var streak = 0
  /// Refreshes, the last one lowest; set for those with a flip.
  private var history: UInt32 = 0
  private var sinceSearch = 0
  private var sinceOvertaken = longestPause
  private var pause = shortestPause
  /// So many refreshes have one look, the last.
  private var lastOnly = 0

  private static let wholeInterval = 512
  /// It is never later.
  private static let least = wholeInterval / 32
  /// What the first look moves by when it saw nothing: while it searches, and after.
  private static let searchStep = wholeInterval / 16
  private static let step = wholeInterval / 32
  private static let search = 24
  /// First looks that saw a flip before the next ones come earlier.
  private static let calm = 48
  /// Refreshes after which it searches anew where there was no first look.
  private static let longestSearchPause = 256
  /// Of 24 refreshes so many have a flip when a guest flips about as often.
  private static let steady = 22
  private static let refreshes: UInt32 = 1 << 24 - 1
  /// Frames from one check to the next.
  private static let checkEvery = 16
  /// Refreshes without a first look after it was overtaken twice, at least and at most.
  private static let shortestPause = 64
  private static let longestPause = 16_384

  /// How long before the last look a check is, in nanoseconds: flips that are nearer to it than this
  /// would have some before and some after it.
  static func guardTime(interval: Int) -> Int { interval / 8 }

  /// Nothing was seen yet.
  package init() {}

  /// How long before a refresh to look first.
  ///
  /// - Parameter interval: the monitor's, in nanoseconds.
  /// - Returns: nanoseconds; `nil` where the last look is enough.
  package func lead(interval: Int) -> Int? {
    guard isSteady, lastOnly == 0 else { return nil }
    return interval / Self.wholeInterval * lead
  }

  /// Whether, the first look having seen a flip, there is to be a look whether the guest flips once
  /// more before the refresh.
  package var asksForCheck: Bool {
    sinceSearch < Self.search || sinceSearch.isMultiple(of: Self.checkEvery)
  }

  private var isSteady: Bool { history.nonzeroBitCount >= Self.steady }

  /// A refresh's looks were taken.
  ///
  /// - Parameter sight: which of them saw a flip.
  package mutating func saw(_ sight: Sight) {
    let wasSteady = isSteady
    history = (history << 1 | (sight == .neither ? 0 : 1)) & Self.refreshes
    sinceSearch += 1
    sinceOvertaken = min(sinceOvertaken + 1, 2 * Self.longestPause + 1)
    if isSteady, !wasSteady { searchAnew() }
    if lastOnly > 0 {
      lastOnly -= 1
      if lastOnly == 0 { searchAnew() }
      return
    }
    switch sight {
    case .first:
      // Not at once, so that few looks are too early, and then faster and faster.
      lead = min(Self.wholeInterval, lead + streak / Self.calm)
      streak += 1
    case .last:
      let step = sinceSearch < Self.search ? Self.searchStep : Self.step
      lead = max(Self.least, lead - step)
      streak = 0
    case .only:
      // It may flip more evenly by now.
      if isSteady, sinceSearch >= Self.longestSearchPause { searchAnew() }
    case .neither:
      // The flip comes after the last look: the next first one sees it.
      if wasSteady { searchAnew() }
    }
  }

  /// A check saw that the guest had flipped once more: the frame of the first look would have been
  /// replaced in time.
  package mutating func wasOvertaken() {
    if sinceOvertaken <= 2 * pause {
      // Again: it is faster than the monitor, and its newest frame is wanted.
      pause = min(2 * pause, Self.longestPause)
      lastOnly = pause
    } else {
      pause = Self.shortestPause
      lastOnly = 1
    }
    sinceOvertaken = 0
  }

  /// The guest's pointer moves, which it does without a flip: it is wanted as new as can be.
  package mutating func pointerMoved() { lastOnly = max(lastOnly, Self.search) }

  private mutating func searchAnew() {
    lead = Self.wholeInterval
    streak = 0
    sinceSearch = 0
  }
}
