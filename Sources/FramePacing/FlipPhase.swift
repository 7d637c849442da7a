// SPDX-License-Identifier: Apache-2.0

/// The moment between two refreshes at which a guest flips, for a guest that flips about as often
/// as the monitor refreshes.
///
/// A flip can be seen as soon as the guest makes it. A frame that is handed over at that moment is
/// in the same refresh, and a machine that wakes threads late has the rest of the refresh to spare.
/// So the first look comes just after the expected flip. A last look comes at the latest moment,
/// only when the first one saw nothing.
///
/// A guest's rate never equals the monitor's exactly, so its flips wander through the refresh.
/// While they pass one of the two looks, jitter loses no flip, because the other look sees it.
package struct FlipPhase: Sendable {
  /// The look before a refresh that saw a flip.
  package enum Sight: Hashable, Sendable {
    /// The first look, so that there was no last one.
    case first
    /// The last look, after a first one that saw nothing.
    case last
    /// The last look, which was the only one.
    case only
    /// The guest did not flip.
    case neither
  }

  /// The time from the first look to the refresh, in 1/512 of the monitor's interval.
  private var lead = wholeInterval
  /// The number of first looks in a row that saw a flip.
  private var streak = 0
  /// One bit for each refresh, the last refresh lowest; set when the refresh had a flip.
  private var history: UInt32 = 0
  private var sinceSearch = 0
  private var sinceOvertaken = longestPause
  private var pause = shortestPause
  /// The number of coming refreshes that have only a last look.
  private var lastOnly = 0

  private static let wholeInterval = 512
  /// The first look is never later than this.
  private static let least = wholeInterval / 32
  /// The step of the first look when it saw nothing, during the search and after it.
  private static let searchStep = wholeInterval / 16
  private static let step = wholeInterval / 32
  private static let search = 24
  /// The number of first looks that must see a flip before the next ones come earlier.
  private static let calm = 48
  /// Refreshes without a first look, after which the search begins anew.
  private static let longestSearchPause = 256
  /// The number of refreshes with a flip, of 24, that shows a guest about as fast as the monitor.
  private static let steady = 22
  private static let refreshes: UInt32 = 1 << 24 - 1
  /// Frames between two checks.
  private static let checkEvery = 16
  /// Refreshes without a first look after the guest overtook it twice: the least and the most.
  private static let shortestPause = 64
  private static let longestPause = 16_384

  /// The time from a check to the last look, in nanoseconds. Flips nearer to the last look than
  /// this would fall partly before and partly after it.
  static func guardTime(interval: Int) -> Int { interval / 8 }

  /// Nothing was seen yet.
  package init() {}

  /// The time from the first look to the refresh.
  ///
  /// - Parameter interval: the monitor's interval, in nanoseconds.
  /// - Returns: nanoseconds; `nil` when the last look is enough.
  package func lead(interval: Int) -> Int? {
    guard isSteady, lastOnly == 0 else { return nil }
    return interval / Self.wholeInterval * lead
  }

  /// Whether a check follows a first look that saw a flip. The check finds out whether the guest
  /// flips once more before the refresh.
  package var asksForCheck: Bool {
    sinceSearch < Self.search || sinceSearch.isMultiple(of: Self.checkEvery)
  }

  private var isSteady: Bool { history.nonzeroBitCount >= Self.steady }

  /// Records the looks of a refresh.
  ///
  /// - Parameter sight: the look that saw a flip.
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
      // The first look comes earlier only after a while, so that few looks are too early, and then
      // faster and faster.
      lead = min(Self.wholeInterval, lead + streak / Self.calm)
      streak += 1
    case .last:
      let step = sinceSearch < Self.search ? Self.searchStep : Self.step
      lead = max(Self.least, lead - step)
      streak = 0
    case .only:
      // The guest may flip more evenly by now.
      if isSteady, sinceSearch >= Self.longestSearchPause { searchAnew() }
    case .neither:
      // The flip comes after the last look, so the next first look sees it.
      if wasSteady { searchAnew() }
    }
  }

  /// Records that a check saw another flip: a later look would have replaced the first look's frame
  /// in time.
  package mutating func wasOvertaken() {
    if sinceOvertaken <= 2 * pause {
      // A second time: the guest is faster than the monitor, and only the last look gets its newest
      // frame.
      pause = min(2 * pause, Self.longestPause)
      lastOnly = pause
    } else {
      pause = Self.shortestPause
      lastOnly = 1
    }
    sinceOvertaken = 0
  }

  /// Records that the guest's pointer moves. It moves without a flip, and only the last look sees
  /// its newest place.
  package mutating func pointerMoved() { lastOnly = max(lastOnly, Self.search) }

  private mutating func searchAnew() {
    lead = Self.wholeInterval
    streak = 0
    sinceSearch = 0
  }
}
