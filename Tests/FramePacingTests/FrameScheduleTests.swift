// SPDX-License-Identifier: Apache-2.0

import FramePacing
import LinuxSystem
import Testing

struct FrameScheduleTests {
  static let rates = [30, 59.94, 60, 75, 144, 240]

  private func interval(_ rate: Double) -> Int { Int((1e9 / rate).rounded()) }

  @Test(arguments: rates)
  func comesNearToTheDeadlineAndMissesFewFrames(rate: Double) {
    let interval = interval(rate)
    var screen = ScriptedScreen(interval: interval, latch: interval / 4)
    var viewer = ScriptedViewer(work: 700_000)
    viewer.show(2000, on: &screen)
    #expect(viewer.late <= 4)
    viewer.forget()
    viewer.show(10_000, on: &screen)
    #expect(viewer.late <= 5, "fewer than one of a thousand")
    #expect(viewer.shown(of: interval) >= 0.999)
    let margin = viewer.schedule.margin.nanoseconds
    #expect((interval / 4...interval / 4 + interval / 5).contains(margin))
    let usual = viewer.ages.sorted()[viewer.ages.count / 2]
    #expect(usual < interval / 2 + 1_000_000, "looked at just before the deadline")
  }

  @Test(arguments: rates)
  func isNearTheDeadlineWithinASecond(rate: Double) {
    let interval = interval(rate)
    var screen = ScriptedScreen(interval: interval, latch: interval / 40)
    var viewer = ScriptedViewer(work: 700_000)
    viewer.show(60, on: &screen)
    #expect(viewer.schedule.margin.nanoseconds <= interval / 8)
    #expect(viewer.late == 0)
  }

  @Test(arguments: [60.0, 144])
  func setsTimeAsideOnABusyMachine(rate: Double) {
    let interval = interval(rate)
    var screen = ScriptedScreen(interval: interval, latch: interval / 40)
    var viewer = ScriptedViewer(work: 300_000)
    viewer.stalls = (every: 100, lasting: interval / 5)
    viewer.show(2000, on: &screen)
    viewer.forget()
    viewer.show(10_000, on: &screen)
    #expect(viewer.late <= 10, "of the hundred that came to a stall")
    #expect(viewer.schedule.lateness.nanoseconds <= interval / 5)
    viewer.stalls = nil
    viewer.show(8000, on: &screen)
    #expect(viewer.schedule.lateness.nanoseconds < interval / 200, "a quiet machine pays nothing")
  }

  @Test func doesNotWaitForAMachineThatStandsStill() {
    let interval = interval(60)
    var screen = ScriptedScreen(interval: interval, latch: interval / 32)
    var viewer = ScriptedViewer()
    viewer.stalls = (every: 10, lasting: 10 * interval)
    viewer.show(500, on: &screen)
    #expect(viewer.schedule.lateness.nanoseconds == 0)
  }

  @Test(arguments: rates)
  func isNeverSlowerThanAServerThatTakesFramesARefreshAhead(rate: Double) {
    let interval = interval(rate)
    var screen = ScriptedScreen(interval: interval, latch: interval - interval / 20)
    var viewer = ScriptedViewer(work: interval / 40)
    viewer.show(4000, on: &screen)
    viewer.forget()
    viewer.show(2000, on: &screen)
    #expect(viewer.shown(of: interval) >= 0.998)
  }

  @Test(arguments: rates)
  func missesNoRefreshOfAServerThatAsksAfterIt(rate: Double) {
    let interval = interval(rate)
    var screen = ScriptedScreen(interval: interval, latch: interval / 10)
    screen.asksAfterwards = true
    var viewer = ScriptedViewer(work: interval / 20)
    viewer.show(2000, on: &screen)
    viewer.forget()
    viewer.show(2000, on: &screen)
    #expect(viewer.shown(of: interval) >= 0.998)
  }

  @Test(arguments: rates)
  func standsScatteredTimestamps(rate: Double) {
    let interval = interval(rate)
    var screen = ScriptedScreen(interval: interval, latch: interval / 4)
    screen.jitter = interval / 20
    var viewer = ScriptedViewer(work: 300_000)
    viewer.show(1000, on: &screen)
    viewer.forget()
    viewer.show(5000, on: &screen)
    #expect(viewer.shown(of: interval) >= 0.998)
  }

  /// As a guest at rest is looked at.
  @Test(arguments: rates)
  func skipsRefreshes(rate: Double) throws {
    let interval = interval(rate)
    var screen = ScriptedScreen(interval: interval, latch: interval / 4)
    var viewer = ScriptedViewer()
    viewer.show(100, on: &screen)
    var (schedule, now) = (viewer.schedule, viewer.now)
    var aims: [MonotonicInstant] = []
    for _ in 0..<20 {
      let turn = schedule.next(now: now, skipping: 1)
      now = max(now, turn.wake)
      schedule.took(turn, now: now)
      aims.append(try #require(turn.aim))
    }
    for (one, next) in zip(aims, aims.dropFirst()) {
      #expect(abs(next.nanoseconds(since: one) - 2 * interval) < interval / 100)
    }
    let turn = schedule.next(now: now)
    #expect(abs(try #require(turn.aim).nanoseconds(since: aims[19]) - interval) < interval / 100)
  }

  @Test(arguments: rates)
  func measuresAnIntervalThatIsNotTold(rate: Double) throws {
    let interval = interval(rate)
    var screen = ScriptedScreen(interval: interval, latch: interval / 4)
    screen.tellsInterval = false
    var viewer = ScriptedViewer()
    viewer.show(200, on: &screen)
    let measured = try #require(viewer.schedule.clock.interval)
    #expect(abs(measured - interval) < interval / 1000)
  }

  @Test func backsOffAtOnceWhenTheServerBeginsToTakeFramesEarlier() {
    let interval = interval(60)
    var screen = ScriptedScreen(interval: interval, latch: interval / 8)
    var viewer = ScriptedViewer()
    viewer.show(2000, on: &screen)
    viewer.forget()
    screen.latch = interval / 2
    viewer.show(400, on: &screen)
    #expect(viewer.late <= 8)
    #expect(viewer.schedule.margin.nanoseconds >= interval / 2)
  }

  @Test func followsAMonitorToAnotherRate() {
    var screen = ScriptedScreen(interval: interval(60), latch: 2_000_000)
    var viewer = ScriptedViewer()
    viewer.show(500, on: &screen)
    screen = ScriptedScreen(
      interval: interval(144), latch: 2_000_000, origin: viewer.now.nanoseconds)
    viewer.show(20, on: &screen)
    viewer.forget()
    viewer.show(1000, on: &screen)
    #expect(viewer.schedule.interval == interval(144))
    #expect(viewer.shown(of: interval(144)) >= 0.99)
  }

  @Test func standsAGap() {
    let interval = interval(59.94)
    var screen = ScriptedScreen(interval: interval, latch: 3_000_000)
    var viewer = ScriptedViewer()
    viewer.show(1000, on: &screen)
    let margin = viewer.schedule.margin
    // Nothing new for a minute; the monitor is a little slower than it says.
    viewer.now = viewer.now.advanced(nanoseconds: 60_000_000_000)
    screen.origin += 4_000_000
    viewer.forget()
    viewer.show(1, on: &screen)
    #expect(viewer.schedule.margin.nanoseconds <= margin.nanoseconds, "says nothing of the margin")
    viewer.show(500, on: &screen)
    #expect(viewer.shown(of: interval) >= 0.99)
  }

  @Test func looksAtTheFallbackRateWithoutFeedback() {
    var screen = ScriptedScreen(interval: interval(60), latch: 0)
    screen.isSilent = true
    var viewer = ScriptedViewer(fallbackInterval: interval(75), work: 0)
    let start = viewer.now
    viewer.show(751, on: &screen)
    #expect(viewer.now.nanoseconds(since: start) == 750 * interval(75))
  }

  @Test func looksAtOnceWhenAskedWithoutFeedback() {
    var schedule = FrameSchedule(fallbackInterval: .nanoseconds(16_666_667))
    let now = MonotonicInstant(nanoseconds: 5_000_000_000)
    let first = schedule.next(now: now)
    #expect(first.wake == now)
    #expect(first.aim == nil)
    schedule.took(first, now: now)
    let soon = now.advanced(nanoseconds: 3_000_000)
    #expect(schedule.next(now: soon).wake == now.advanced(nanoseconds: 16_666_667))
    schedule.asked(now: soon)
    let asked = schedule.next(now: soon)
    #expect(asked.wake == soon)
    schedule.took(asked, now: soon)
    #expect(schedule.next(now: soon).wake == soon.advanced(nanoseconds: 16_666_667), "once")
  }

  @Test func hasOneTurnForEachRefresh() {
    let interval = interval(60)
    var screen = ScriptedScreen(interval: interval, latch: 1_000_000)
    var viewer = ScriptedViewer()
    viewer.show(100, on: &screen)
    // Idle: looks and hands over nothing.
    var aims: [MonotonicInstant] = []
    for _ in 0..<100 {
      let turn = viewer.schedule.next(now: viewer.now)
      viewer.now = max(viewer.now, turn.wake)
      viewer.schedule.took(turn, now: viewer.now)
      if let aim = turn.aim { aims.append(aim) }
    }
    #expect(aims.count == 100)
    for (earlier, later) in zip(aims, aims.dropFirst()) {
      #expect(later.nanoseconds(since: earlier) == interval)
    }
  }

  /// A schedule that knows its monitor, and a guest that flips about once a refresh; when the last
  /// turn was over.
  private func steady() throws -> (schedule: FrameSchedule, now: MonotonicInstant) {
    let interval = interval(60)
    var screen = ScriptedScreen(interval: interval, latch: 1_000_000)
    var viewer = ScriptedViewer()
    viewer.show(100, on: &screen)
    var (schedule, now) = (viewer.schedule, viewer.now)
    for _ in 0..<22 {
      let turn = schedule.next(now: now)
      #expect(turn.look == .last)
      now = max(now, turn.wake)
      schedule.took(turn, now: now)
      schedule.saw(turn, flip: true)
    }
    return (schedule, now)
  }

  @Test func looksAtARefreshTwiceWhereTheFirstLookSeesNothing() throws {
    var (schedule, now) = try steady()
    let first = schedule.next(now: now)
    #expect(first.look == .first)
    let lastAim = try #require(first.aim).advanced(nanoseconds: -interval(60))
    #expect(
      first.wake.nanoseconds(since: lastAim) > interval(60) / 32,
      "its frame must not replace one that is to be shown before")
    now = first.wake
    schedule.took(first, now: now)
    schedule.saw(first, flip: false)
    #expect(schedule.check(now: now) == nil)
    let last = schedule.next(now: now)
    #expect(last.look == .last)
    #expect(last.aim == first.aim)
    #expect(last.wake.nanoseconds(since: first.wake) > interval(60) / 2)
    // The last look may come too late: then it is the next refresh's turn.
    let late = schedule.next(now: lastAim.advanced(nanoseconds: interval(60) + 1))
    #expect(try #require(late.aim) > lastAim.advanced(nanoseconds: 3 * interval(60) / 2))
    schedule.took(last, now: last.wake)
    schedule.saw(last, flip: true)
    #expect(try #require(schedule.next(now: last.wake).aim) > #require(last.aim))
  }

  @Test func checksWhetherTheGuestFlipsAgain() throws {
    var (schedule, now) = try steady()
    let first = schedule.next(now: now)
    schedule.took(first, now: first.wake)
    schedule.saw(first, flip: true)
    let check = try #require(schedule.check(now: first.wake))
    #expect(check.look == .check)
    let early = try #require(first.aim).nanoseconds(since: check.wake)
    #expect((interval(60) / 8...interval(60) / 2).contains(early))
    #expect(
      schedule.check(now: check.wake.advanced(nanoseconds: interval(60) / 8)) == nil,
      "too late to tell one refresh's flip from the next one's")
    #expect(try #require(schedule.next(now: first.wake).aim) > #require(first.aim))
    now = check.wake
    schedule.took(check, now: now)
    schedule.saw(check, flip: true)
    #expect(schedule.check(now: now) == nil)
    #expect(schedule.next(now: now).look == .last, "a frame is passed over")
  }

  @Test func framesOfFirstLooksSayNothingOfTheMargin() throws {
    var (schedule, now) = try steady()
    let margin = schedule.margin.nanoseconds
    let first = schedule.next(now: now)
    now = first.wake
    schedule.took(first, now: now)
    schedule.saw(first, flip: true)
    schedule.handedOver(1_000_000, at: now)
    let aim = try #require(first.aim)
    let late = aim.advanced(nanoseconds: interval(60))
    let feedback = PresentationFeedback(time: late, interval: interval(60), sequence: nil)
    #expect(schedule.presented(1_000_000, feedback, now: late) == .late)
    #expect(schedule.margin.nanoseconds == margin)
  }

  /// Nor when they are in time: they were handed over long before the margin.
  @Test func framesThatAreEarlySayNothingOfTheMargin() throws {
    let interval = interval(60)
    var (schedule, now) = try steady()
    let margin = schedule.margin.nanoseconds
    // More of them than must be in time before a margin shrinks.
    for number in 0..<5000 as Range<UInt64> {
      let turn = schedule.next(now: now)
      try #require(turn.look == .first)
      schedule.took(turn, now: turn.wake)
      schedule.saw(turn, flip: true)
      schedule.handedOver(1_000_000 + number, at: turn.wake)
      now = try #require(turn.aim)
      let feedback = PresentationFeedback(time: now, interval: interval)
      try #require(schedule.presented(1_000_000 + number, feedback, now: now) == .inTime)
    }
    #expect(schedule.margin.nanoseconds == margin)
  }

  /// The guest's phase is learned from which of a refresh's looks saw its flip.
  @Test func lastLookIsTheOnlyOneOrComesAfterAFirst() throws {
    let interval = interval(60)
    let (before, start) = try steady()
    func lead(_ schedule: FrameSchedule) -> Int? { schedule.phase.lead(interval: interval) }
    let whole = try #require(lead(before))
    /// Looks last at a refresh that `turn` aims at, and sees a flip.
    func look(_ schedule: inout FrameSchedule, _ turn: FrameSchedule.Turn) {
      #expect(turn.look == .last)
      schedule.took(turn, now: turn.wake)
      schedule.saw(turn, flip: true)
    }
    // The first look saw nothing: the next refresh's first look comes later.
    var schedule = before
    let first = schedule.next(now: start)
    schedule.took(first, now: first.wake)
    schedule.saw(first, flip: false)
    let waiting = schedule
    look(&schedule, schedule.next(now: first.wake))
    #expect(try #require(lead(schedule)) < whole)
    // There was no first look.
    schedule = before
    look(&schedule, schedule.next(now: start, skipping: 1))
    #expect(lead(schedule) == whole)
    // The first look was for another refresh, which passed without a last one.
    schedule = waiting
    let late = try #require(first.aim).advanced(nanoseconds: 1)
    look(&schedule, schedule.next(now: late, skipping: 1))
    #expect(lead(schedule) == whole)
  }

  /// Where no refresh can be foreseen, there are no first looks.
  @Test func lastLookIsTheOnlyOneWithoutFeedback() {
    let interval = interval(60)
    var schedule = FrameSchedule(fallbackInterval: .nanoseconds(interval))
    var now = MonotonicInstant(nanoseconds: 5_000_000_000)
    var leads: [Int?] = []
    for _ in 0..<40 {
      let turn = schedule.next(now: now)
      now = turn.wake
      schedule.took(turn, now: now)
      schedule.saw(turn, flip: true)
      leads.append(schedule.phase.lead(interval: interval))
    }
    #expect(leads.compactMap(\.self).count > 10)
    #expect(Set(leads.compactMap(\.self)).count == 1, "it is not searched for")
  }

  /// A thread that is woken late hands over late, as one that is stopped halfway does.
  @Test func setsTimeAsideForAThreadThatIsWokenLate() throws {
    let interval = interval(60)
    var screen = ScriptedScreen(interval: interval, latch: 1_000_000)
    var viewer = ScriptedViewer()
    viewer.show(100, on: &screen)
    var (schedule, now) = (viewer.schedule, viewer.now)
    #expect(schedule.lateness.nanoseconds == 0)
    let delay = interval / 20
    for number in 0..<10 as Range<UInt64> {
      let turn = schedule.next(now: now)
      now = turn.wake.advanced(nanoseconds: delay)
      schedule.took(turn, now: now)
      now = now.advanced(nanoseconds: viewer.work)
      schedule.handedOver(1_000_000 + number, at: now)
    }
    #expect(abs(schedule.lateness.nanoseconds - delay) < delay / 20)
    #expect(schedule.work.nanoseconds == viewer.work, "it is no work")
  }

  /// A frame that the server takes after its refresh is shown at the next one, and so the frame after
  /// it a refresh later than that.
  @Test func aFrameThatIsTakenLateMovesTheNextOne() throws {
    let interval = interval(60)
    var screen = ScriptedScreen(interval: interval, latch: 1_000_000)
    var viewer = ScriptedViewer()
    // The refresh of its last frame was told.
    viewer.show(100, on: &screen)
    var schedule = viewer.schedule
    let turn = schedule.next(now: viewer.now)
    let aim = try #require(turn.aim)
    schedule.took(turn, now: turn.wake)
    schedule.handedOver(1_000_000, at: turn.wake)
    let taken = aim.advanced(nanoseconds: interval / 10)
    schedule.asked(now: taken)
    let next = try #require(schedule.next(now: taken).aim)
    #expect(abs(next.nanoseconds(since: aim) - 2 * interval) < interval / 100)
  }

  @Test func aMovingPointerHasNoFirstLooks() throws {
    var (schedule, now) = try steady()
    let first = schedule.next(now: now)
    schedule.took(first, now: first.wake)
    schedule.saw(first, flip: true, pointerMoved: true)
    now = first.wake.advanced(nanoseconds: interval(60) / 2)
    #expect(schedule.next(now: now).look == .last)
  }

  @Test func forgetsFramesThatNothingIsSaidOf() throws {
    let interval = interval(60)
    var screen = ScriptedScreen(interval: interval, latch: 1_000_000)
    var viewer = ScriptedViewer()
    viewer.show(10, on: &screen)
    screen.isSilent = true
    viewer.show(100, on: &screen)
    screen.isSilent = false
    viewer.forget()
    viewer.show(100, on: &screen)
    #expect(viewer.shown(of: interval) >= 0.95)
    // What is said of a later frame is of use.
    let turn = viewer.schedule.next(now: viewer.now)
    viewer.schedule.took(turn, now: turn.wake)
    viewer.schedule.handedOver(1_000_000, at: turn.wake)
    let aim = try #require(turn.aim)
    let feedback = PresentationFeedback(time: aim, interval: interval, sequence: nil)
    #expect(viewer.schedule.presented(1_000_000, feedback, now: aim) == .inTime)
    #expect(viewer.schedule.presented(1_000_000, feedback, now: aim) == .unknown, "it is told once")
  }
}
