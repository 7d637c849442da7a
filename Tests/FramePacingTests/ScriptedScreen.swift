// SPDX-License-Identifier: Apache-2.0

import FramePacing
import LinuxSystem
import TestSupport

/// A monitor and its display server: it takes what was handed over `latch` nanoseconds before each
/// refresh. Time passes as the script says.
struct ScriptedScreen {
  var interval: Int
  /// How long before a refresh the server takes what there is.
  var latch: Int
  var origin: UInt64
  /// Whether it tells its interval, counts its refreshes, says anything at all.
  var tellsInterval = true
  var counts = true
  var isSilent = false
  /// Whether it asks for the next frame only after the refresh, when it has told of this one.
  var asksAfterwards = false
  /// How far a timestamp is off, at most.
  var jitter = 0
  private var random: UInt64 = 88_172_645_463_325_252

  init(interval: Int, latch: Int, origin: UInt64 = 1_000_000_000_000) {
    self.interval = interval
    self.latch = latch
    self.origin = origin
  }

  private mutating func scatter() -> Int {
    // xorshift: the same at every run.
    random ^= random << 13
    random ^= random >> 7
    random ^= random << 17
    return jitter == 0 ? 0 : Int(random % UInt64(2 * jitter)) - jitter
  }

  /// The refresh that shows what is handed over now, and what is said of it.
  mutating func shows(
    _ instant: MonotonicInstant
  ) -> (refresh: MonotonicInstant, feedback: PresentationFeedback) {
    let needed = Int(instant.nanoseconds - origin) + latch
    let count = (needed + interval - 1) / interval
    let refresh = MonotonicInstant(nanoseconds: origin).advanced(nanoseconds: count * interval)
    return (
      refresh,
      PresentationFeedback(
        time: refresh.advanced(nanoseconds: scatter()), interval: tellsInterval ? interval : 0,
        sequence: counts ? UInt64(count) : nil)
    )
  }
}

/// A viewer that shows something new at each of its turns.
struct ScriptedViewer {
  var schedule: FrameSchedule
  var now: MonotonicInstant
  /// How long it takes to draw, in nanoseconds.
  var work: Int
  /// Each how manieth frame the machine is busy with something else before it is drawn, and for how
  /// long, in nanoseconds.
  var stalls: (every: UInt64, lasting: Int)?
  private(set) var number: UInt64 = 0
  /// By how much each frame was shown after it was looked for, or after the guest flipped to it, in
  /// nanoseconds.
  private(set) var ages: [Int] = []
  private(set) var refreshes: [MonotonicInstant] = []
  private(set) var late = 0
  /// Flips that it passed over.
  private(set) var unseen = 0
  private(set) var looks = 0

  init(fallbackInterval: Int = 16_666_667, work: Int = 1_000_000) {
    schedule = FrameSchedule(fallbackInterval: .nanoseconds(fallbackInterval))
    now = MonotonicInstant(nanoseconds: 1_000_000_123_456)
    self.work = work
  }

  mutating func show(_ frames: Int, on screen: inout ScriptedScreen) {
    for _ in 0..<frames {
      let turn = schedule.next(now: now)
      now = max(now, turn.wake)
      let looked = now
      schedule.took(turn, now: now)
      let (refresh, feedback) = handOver(to: &screen)
      ages.append(refresh.nanoseconds(since: looked))
      if screen.isSilent { continue }
      if screen.asksAfterwards {
        now = max(now, refresh.advanced(nanoseconds: screen.interval / 100))
        if schedule.presented(number, feedback, now: now) == .late { late += 1 }
        schedule.asked(now: now)
        continue
      }
      // The server asks for the next frame as it takes this one.
      now = max(now, refresh.advanced(nanoseconds: -screen.latch))
      schedule.asked(now: now)
      if schedule.presented(number, feedback, now: refresh) == .late { late += 1 }
    }
  }

  /// Shows what a guest flips to, until some refreshes have passed.
  mutating func show(
    _ refreshes: Int, of guest: inout ScriptedGuest, on screen: inout ScriptedScreen
  ) {
    let end = now.advanced(nanoseconds: refreshes * screen.interval)
    while now < end {
      let turn = schedule.next(now: now)
      now = max(now, turn.wake)
      let flips = look(turn, at: &guest)
      guard flips > 0 else { continue }
      unseen += flips - 1
      let (refresh, feedback) = handOver(to: &screen)
      ages.append(refresh.nanoseconds(since: guest.lastFlip))
      let taken = max(now, refresh.advanced(nanoseconds: -screen.latch))
      if let check = schedule.check(now: now), check.wake < taken {
        now = max(now, check.wake)
        _ = look(check, at: &guest)
      }
      now = taken
      schedule.asked(now: now)
      if schedule.presented(number, feedback, now: refresh) == .late { late += 1 }
    }
  }

  /// Draws a frame and hands it over.
  ///
  /// - Returns: the refresh that shows it, and what is said of that.
  private mutating func handOver(
    to screen: inout ScriptedScreen
  ) -> (refresh: MonotonicInstant, feedback: PresentationFeedback) {
    now = now.advanced(nanoseconds: work)
    number += 1
    if let stalls, number.isMultiple(of: stalls.every) {
      now = now.advanced(nanoseconds: stalls.lasting)
    }
    schedule.handedOver(number, at: now)
    let shown = screen.shows(now)
    refreshes.append(shown.refresh)
    return shown
  }

  /// - Returns: the flips since the frame that was shown last.
  private mutating func look(_ turn: FrameSchedule.Turn, at guest: inout ScriptedGuest) -> Int {
    looks += 1
    schedule.took(turn, now: now)
    let flips = guest.flipped(until: now, isShown: turn.look != .check)
    schedule.saw(turn, flip: flips > 0)
    return flips
  }

  mutating func forget() {
    unseen = 0
    looks = 0
    ages = []
    refreshes = []
    late = 0
  }

  /// Refreshes that showed something new, of those that passed.
  func shown(of interval: Int) -> Double {
    guard let first = refreshes.first, let last = refreshes.last, last > first else { return 0 }
    let passed = Double(last.nanoseconds(since: first)) / Double(interval)
    return Double(Set(refreshes).count - 1) / passed.rounded()
  }
}

/// A guest that flips regularly, give or take, and what a viewer sees of that.
struct ScriptedGuest {
  /// When it flips, ascending.
  private var flips: [MonotonicInstant] = []
  private var next = 0

  /// - Parameters:
  ///   - rate: flips a second.
  ///   - jitter: nanoseconds by which a flip is off, at most.
  init(rate: Double, jitter: Int, flips count: Int, from start: MonotonicInstant) {
    var random = SeededGenerator(seed: 7)
    for flip in 1...count {
      let due = Int(Double(flip) * 1e9 / rate)
      // The sum of several is near to what timers do.
      let off = (0..<4).reduce(0) { sum, _ in sum + Int.random(in: -jitter...jitter, using: &random)
      }
      flips.append(start.advanced(nanoseconds: due + off / 4))
    }
    flips.sort()
  }

  /// When it flipped to what was shown last.
  var lastFlip: MonotonicInstant { flips[max(0, next - 1)] }

  /// - Parameter isShown: whether what it flipped to is shown now.
  /// - Returns: the flips since the last that was shown.
  mutating func flipped(until now: MonotonicInstant, isShown: Bool = true) -> Int {
    var newest = next
    while newest < flips.count, flips[newest] <= now { newest += 1 }
    defer { if isShown { next = newest } }
    return newest - next
  }
}
