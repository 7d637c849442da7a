// SPDX-License-Identifier: Apache-2.0

import FramePacing
import LinuxSystem
import TestSupport
import Testing

@Suite struct FrameDirectorTests {
  private static let interval = 10_000_000
  private static let never = MonotonicInstant(nanoseconds: 0)

  /// A director whose surface has just shown its first frame, of a guest's flip 1.
  private struct Viewer {
    var director = FrameDirector(
      fallbackInterval: .nanoseconds(FrameDirectorTests.interval))
    var now = MonotonicInstant(nanoseconds: 5_000_000_000)
    var tells = false
    var asksForFrames = false
    var number: UInt64 = 0
    var lastInput = FrameDirectorTests.never
    private(set) var lastShown = FrameDirectorTests.never

    init(tells: Bool = false, asksForFrames: Bool = false) {
      self.tells = tells
      self.asksForFrames = asksForFrames
      director.gainedSurface()
      _ = look(FrameDirectorTests.sight())
    }

    func next() -> FrameSchedule.Turn? {
      director.next(now: now, lastInput: lastInput, tells: tells)
    }

    /// Sleeps until the next turn, takes it, and shows what is to be shown.
    mutating func look(
      _ sight: FrameDirector.Sight, pixelsChanged: Bool = false
    ) -> FrameDirector.Decision? {
      look(sight) { _ in pixelsChanged }
    }

    /// The same with a comparison of one's own, of the whole picture or of a sample.
    mutating func look(
      _ sight: FrameDirector.Sight, pixelsChanged: (_ isWhole: Bool) -> Bool
    ) -> FrameDirector.Decision? {
      guard let turn = next() else { return nil }
      now = max(now, turn.wake)
      director.took(turn, now: now, lastInput: lastInput)
      let decision = director.saw(sight, in: turn)
      let isShown =
        switch decision {
        case .leave: false
        case .compare(let isWhole):
          director.compared(hasChanged: pixelsChanged(isWhole)) == .show(isFlip: false)
        case .show: true
        }
      if isShown {
        number += 1
        lastShown = now
        director.handedOver(number, sight, asksForFrames: asksForFrames, at: now)
      }
      return decision
    }
  }

  private static func sight(
    flip: UInt64 = 1, revision: UInt64? = nil, x: Int = 0
  ) -> FrameDirector.Sight {
    FrameDirector.Sight(flip: flip, buffer: flip, revision: revision, cursor: 7, x: x, y: 0)
  }

  @Test func withoutASurfaceNobodyLooks() {
    var director = FrameDirector(fallbackInterval: .nanoseconds(Self.interval))
    let now = MonotonicInstant(nanoseconds: 1_000)
    #expect(director.next(now: now, lastInput: Self.never, tells: false) == nil)
    director.gainedSurface()
    #expect(director.next(now: now, lastInput: Self.never, tells: false) != nil)
    director.lostSurface()
    #expect(director.next(now: now, lastInput: Self.never, tells: false) == nil)
  }

  @Test func aFlipAndAPointerAreShownAndTheRestIsCompared() {
    var viewer = Viewer()
    #expect(viewer.look(Self.sight()) == .compare(isWhole: true))
    #expect(viewer.look(Self.sight(flip: 2)) == .show(isFlip: true))
    #expect(viewer.look(Self.sight(flip: 2)) == .compare(isWhole: true))
    #expect(viewer.look(Self.sight(flip: 2, x: 1)) == .show(isFlip: false))
    #expect(viewer.number == 3)
    #expect(viewer.look(Self.sight(flip: 2, x: 1), pixelsChanged: true) == .compare(isWhole: true))
    #expect(viewer.number == 4)
  }

  @Test func aSteadyGuestIsNotComparedBetweenItsFlips() {
    var viewer = Viewer()
    for flip in 2...12 {
      #expect(viewer.look(Self.sight(flip: UInt64(flip))) == .show(isFlip: true))
    }
    #expect(viewer.look(Self.sight(flip: 12)) == .leave)
    viewer.now = viewer.now.advanced(nanoseconds: 100_000_000)
    #expect(viewer.look(Self.sight(flip: 12)) == .compare(isWhole: true))
  }

  @Test func aChangeOfTheSurfaceIsShownThoughTheGuestShowsNothingNew() {
    var viewer = Viewer()
    viewer.director.isStale(frames: 2)
    viewer.director.isStale()
    #expect(viewer.look(Self.sight()) == .show(isFlip: false))
    #expect(viewer.look(Self.sight()) == .show(isFlip: false))
    #expect(viewer.look(Self.sight()) == .compare(isWhole: true))
    viewer.director.covered(true)
    viewer.director.covered(false)
    #expect(viewer.look(Self.sight()) == .show(isFlip: false))
  }

  @Test func aSurfaceThatAsksIsWaitedForAndNotForEver() throws {
    var viewer = Viewer(asksForFrames: true)
    let shown = viewer.now
    let turn = try #require(viewer.next())
    #expect(turn.wake.nanoseconds(since: shown) == FrameDirector.hiddenPeriod)
    viewer.director.asked(now: viewer.now)
    #expect(try #require(viewer.next()).wake == viewer.now, "without a clock at once")
    // Nobody asks: after a while it is given a frame all the same, new or not.
    viewer.now = viewer.now.advanced(nanoseconds: FrameDirector.hiddenPeriod)
    #expect(viewer.look(Self.sight(flip: 2)) == .show(isFlip: true))
    #expect(viewer.look(Self.sight(flip: 2)) == .show(isFlip: false))
  }

  @Test func aTurnThatWasPlannedIsTakenHoweverLateButNotOnASurfaceThatNowWaits() throws {
    var viewer = Viewer(asksForFrames: true)
    viewer.director.asked(now: viewer.now)
    let turn = try #require(viewer.next())
    let late = turn.wake.advanced(nanoseconds: 50_000_000)
    #expect(viewer.director.isDue(turn, now: late, lastInput: Self.never, tells: false))
    viewer.director.covered(true)
    #expect(!viewer.director.isDue(turn, now: turn.wake, lastInput: Self.never, tells: false))
    viewer.director.lostSurface()
    #expect(!viewer.director.isDue(turn, now: late, lastInput: Self.never, tells: false))
  }

  @Test func aGuestAtRestIsLookedAtRarelyUntilItIsToldOfInput() {
    var viewer = Viewer()
    func looks(in nanoseconds: Int) -> Int {
      let end = viewer.now.advanced(nanoseconds: nanoseconds)
      var count = 0
      while viewer.now < end {
        _ = viewer.look(Self.sight())
        count += 1
      }
      return count
    }
    let busy = looks(in: FrameDirector.rest)
    let resting = looks(in: FrameDirector.rest)
    #expect((98...103).contains(busy))
    #expect((10...14).contains(resting))
    viewer.lastInput = viewer.now
    #expect((98...103).contains(looks(in: FrameDirector.rest)))
    _ = looks(in: FrameDirector.rest)
    #expect(viewer.next()?.wake.nanoseconds(since: viewer.now) == 9 * Self.interval)
    viewer.director.isStale()
    #expect(viewer.next()?.wake.nanoseconds(since: viewer.now) == Self.interval)
    // One that draws into its buffer all the time is not at rest.
    let start = viewer.now
    var count = 0
    while viewer.now < start.advanced(nanoseconds: 3 * FrameDirector.rest) {
      _ = viewer.look(Self.sight(), pixelsChanged: true)
      count += 1
    }
    #expect((290...303).contains(count))
  }

  /// A guest that draws into its buffer: rectangles at random times and places. Lines stand for the
  /// pixels, and a sample is as `EGLPresenter` takes it.
  @Test(arguments: [24.0, 30, 50, 59.94, 60, 75, 120, 144, 240], [false, true])
  func aChangeIsShownWithinItsBound(rate: Double, isHigh: Bool) throws {
    var random = SeededGenerator(seed: UInt64(rate) + (isHigh ? 1 : 0))
    let lines = 1080
    let interval = Int(1e9 / rate)
    var viewer = Viewer()
    viewer.director.fallbackInterval = .nanoseconds(interval)
    var phase = 0
    var pending: (lines: Range<Int>, time: MonotonicInstant)?
    var due = viewer.now
    var delays: [Int] = []
    while delays.count < 500 {
      if pending == nil, viewer.now > due {
        let height = isHigh ? Int.random(in: 16...64, using: &random) : 1
        let first = Int.random(in: 0...lines - height, using: &random)
        pending = (first..<first + height, viewer.now)
      }
      let decision = viewer.look(Self.sight()) { isWhole in
        guard let pending else { return false }
        if isWhole { return true }
        phase = (phase + 1) % 16
        return pending.lines.contains { $0 % 16 == phase }
      }
      // The director's own number tells whether it was shown.
      guard decision != nil, let shown = pending, viewer.lastShown >= shown.time else { continue }
      delays.append(viewer.lastShown.nanoseconds(since: shown.time) + interval)
      pending = nil
      // Long enough for rest, and within it at any moment.
      due = viewer.now.advanced(
        nanoseconds: FrameDirector.rest + Int.random(in: 0...2_000_000_000, using: &random))
    }
    let bound = max(isHigh ? FrameDirector.restDelay : 2_000_000_000, 3 * interval)
    #expect(try #require(delays.max()) <= bound + interval / 4)
  }

  @Test func whatAnEarlyLookSeesWithoutAFlipIsLeftForTheLast() {
    var viewer = Viewer(tells: true)
    viewer.director.told()
    let first = FrameSchedule.Turn(wake: viewer.now, aim: nil, look: .first)
    viewer.director.took(first, now: viewer.now, lastInput: Self.never)
    #expect(viewer.director.saw(Self.sight(revision: 2), in: first) == .leave)
    #expect(viewer.director.isTold, "it is still to be shown")
    let check = FrameSchedule.Turn(wake: viewer.now, aim: nil, look: .check)
    viewer.director.took(check, now: viewer.now, lastInput: Self.never)
    #expect(viewer.director.saw(Self.sight(flip: 2, revision: 2), in: check) == .leave)
    #expect(viewer.director.isTold)
    viewer.director.took(first, now: viewer.now, lastInput: Self.never)
    #expect(viewer.director.saw(Self.sight(flip: 2, revision: 2), in: first) == .show(isFlip: true))
  }

  @Test func anotherSurfaceKnowsNothingOfTheOneBefore() throws {
    var viewer = Viewer(asksForFrames: true)
    for refresh in 1...4 as ClosedRange<UInt64> {
      let feedback = PresentationFeedback(
        time: viewer.now.advanced(nanoseconds: Int(refresh) * Self.interval),
        interval: Self.interval, sequence: refresh)
      _ = viewer.director.presented(refresh, feedback, now: viewer.now)
    }
    #expect(viewer.director.schedule.clock.interval == Self.interval)
    viewer.director.covered(true)
    viewer.director.saysMessage()
    viewer.director.lostSurface()
    #expect(viewer.director.schedule.clock.interval == nil)
    viewer.director.gainedSurface()
    let turn = try #require(viewer.next())
    #expect(turn.wake.nanoseconds(since: viewer.now) <= Self.interval)
    #expect(viewer.look(Self.sight()) == .show(isFlip: false))
    // Without a message too.
    viewer.director.lostSurface()
    viewer.director.gainedSurface()
    #expect(viewer.look(Self.sight()) == .show(isFlip: false))
  }

  @Test func withoutAPictureTheGuestIsLookedAtSlowlyAndItsReturnIsShown() throws {
    var viewer = Viewer()
    viewer.director.saysMessage()
    let last = viewer.now
    let turn = try #require(viewer.next())
    #expect(turn.wake.nanoseconds(since: last) == FrameDirector.slowPeriod)
    // The very frame that was shown before the message.
    #expect(viewer.look(Self.sight()) == .show(isFlip: false))
    #expect(try #require(viewer.next()).wake.nanoseconds(since: viewer.now) <= Self.interval)
    #expect(viewer.look(Self.sight()) == .compare(isWhole: true))
  }

  // MARK: Sources that tell

  @Test func whoTellsIsNotAsked() {
    var viewer = Viewer(tells: true)
    #expect(viewer.next() == nil, "nothing was told")
    viewer.now = viewer.now.advanced(nanoseconds: 3_600_000_000_000)
    #expect(viewer.next() == nil, "not in an hour either")
    viewer.director.told()
    #expect(viewer.look(Self.sight(revision: 2)) == .show(isFlip: false))
    #expect(viewer.next() == nil)
    viewer.director.isStale()
    #expect(viewer.look(Self.sight(revision: 2)) == .show(isFlip: false), "the surface changed")
    #expect(viewer.next() == nil)
  }

  @Test func whoTellsIsNotCompared() {
    var viewer = Viewer(tells: true)
    viewer.director.told()
    #expect(viewer.look(Self.sight(revision: 1)) == .show(isFlip: false))
    viewer.director.told()
    #expect(viewer.look(Self.sight(revision: 1)) == .leave)
    #expect(viewer.number == 2)
  }

  @Test func whatIsToldWhileTheSurfaceWaitsIsShownWhenItAsks() throws {
    var viewer = Viewer(tells: true, asksForFrames: true)
    viewer.director.told()
    let hidden = try #require(viewer.next())
    #expect(hidden.wake.nanoseconds(since: viewer.now) == FrameDirector.hiddenPeriod)
    viewer.director.asked(now: viewer.now)
    #expect(viewer.look(Self.sight(revision: 2)) == .show(isFlip: false))
  }

  @Test func aMessageStaysUntilSomethingIsTold() {
    var viewer = Viewer(tells: true)
    viewer.director.saysMessage()
    #expect(viewer.next() == nil)
    viewer.director.told()
    #expect(viewer.look(Self.sight(revision: 1)) == .show(isFlip: false))
    #expect(viewer.next() == nil)
  }
}

struct FlipHabitTests {
  private let start = MonotonicInstant(nanoseconds: 1_000_000_000_000)

  private func habit(_ flips: Int, every length: Int) -> (FlipHabit, MonotonicInstant) {
    var habit = FlipHabit()
    for flip in 0..<flips { habit.flipped(at: start.advanced(nanoseconds: flip * length)) }
    return (habit, start.advanced(nanoseconds: (flips - 1) * length))
  }

  @Test(arguments: [4_166_667, 16_666_667, 33_333_333])
  func aSteadyGuestsNextFlipIsWaitedFor(length: Int) {
    let (habit, last) = habit(20, every: length)
    #expect(habit.isDue(now: last.advanced(nanoseconds: length)))
    #expect(!habit.isDue(now: last.advanced(nanoseconds: length * 2)))
  }

  @Test func aFewFlipsAreNoHabit() {
    let (habit, last) = habit(5, every: 16_666_667)
    #expect(!habit.isDue(now: last))
  }

  @Test func slowFlipsAreNoHabit() {
    let (habit, last) = habit(50, every: 100_000_000)
    #expect(!habit.isDue(now: last))
  }

  @Test func aPauseEndsTheHabit() {
    var (habit, last) = habit(50, every: 16_666_667)
    let later = last.advanced(nanoseconds: 500_000_000)
    habit.flipped(at: later)
    #expect(!habit.isDue(now: later))
  }
}
