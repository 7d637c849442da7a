// SPDX-License-Identifier: Apache-2.0

import FramePacing
import LinuxSystem
import Testing

struct FlipPhaseTests {
  private static let interval = 16_666_667

  /// A phase that has seen a flip before each of 24 refreshes.
  private var steady: FlipPhase {
    var phase = FlipPhase()
    for _ in 0..<24 { phase.saw(.only) }
    return phase
  }

  @Test func looksFirstOnceTheGuestIsSteady() throws {
    var phase = FlipPhase()
    for _ in 0..<21 { phase.saw(.only) }
    #expect(phase.lead(interval: Self.interval) == nil)
    phase.saw(.only)
    let lead = try #require(phase.lead(interval: Self.interval))
    #expect((Self.interval - 512...Self.interval).contains(lead), "as early as can be")
  }

  /// Looks 40 times, at a guest that flips so long before the refresh.
  private func found(_ flip: Int) throws -> FlipPhase {
    var phase = steady
    for _ in 0..<40 {
      let lead = try #require(phase.lead(interval: Self.interval))
      phase.saw(lead < flip ? .first : .last)
    }
    return phase
  }

  @Test(arguments: [2_500_000, 8_000_000, 15_000_000])
  func findsWhenTheGuestFlips(flip: Int) throws {
    let lead = try #require(found(flip).lead(interval: Self.interval))
    #expect((flip - Self.interval / 12...flip + Self.interval / 500).contains(lead))
  }

  @Test func followsAGuestThatFlipsEarlier() throws {
    var phase = try found(3_000_000)
    for _ in 0..<200 {
      let lead = try #require(phase.lead(interval: Self.interval))
      phase.saw(lead < 12_000_000 ? .first : .last)
    }
    #expect(try #require(phase.lead(interval: Self.interval)) > 10_000_000)
  }

  @Test func searchesAnewWhereTheFlipHasPassedTheLastLook() throws {
    var phase = try found(2_500_000)
    phase.saw(.neither)
    #expect(try #require(phase.lead(interval: Self.interval)) > Self.interval - 512)
  }

  @Test func searchesAnewNowAndThen() throws {
    var phase = try found(2_500_000)
    for _ in 0..<256 { phase.saw(.only) }
    #expect(try #require(phase.lead(interval: Self.interval)) > Self.interval - 512)
  }

  @Test func aGuestThatRestsIsNotLookedAtTwice() {
    var phase = steady
    for _ in 0..<3 { phase.saw(.neither) }
    #expect(phase.lead(interval: Self.interval) == nil)
  }

  @Test func searchesAnewAfterARest() throws {
    var phase = try found(3_000_000)
    for _ in 0..<24 { phase.saw(.neither) }
    for _ in 0..<21 { phase.saw(.only) }
    #expect(phase.lead(interval: Self.interval) == nil)
    phase.saw(.only)
    #expect(try #require(phase.lead(interval: Self.interval)) > Self.interval - 512)
    #expect(phase.asksForCheck)
  }

  @Test func aMovingPointerIsWantedAsNewAsCanBe() {
    var phase = steady
    phase.pointerMoved()
    for _ in 0..<24 {
      #expect(phase.lead(interval: Self.interval) == nil)
      phase.saw(.only)
    }
    #expect(phase.lead(interval: Self.interval) != nil)
  }

  @Test func checksOftenWhileItSearchesAndSeldomAfter() {
    var phase = steady
    var checks: [Bool] = []
    for _ in 0..<24 + 320 {
      phase.saw(.first)
      checks.append(phase.asksForCheck)
    }
    #expect(checks.suffix(320).count { $0 } == 20)
  }

  /// Refreshes with one look after the guest was seen to flip twice.
  private func pauses(_ phase: inout FlipPhase) -> Int {
    phase.wasOvertaken()
    var refreshes = 0
    while phase.lead(interval: Self.interval) == nil, refreshes < 100_000 {
      phase.saw(.only)
      refreshes += 1
    }
    return refreshes
  }

  @Test func passesOneFrameOverWhenItIsOvertaken() {
    var phase = steady
    #expect(pauses(&phase) == 1)
    for _ in 0..<400 { phase.saw(.first) }
    #expect(pauses(&phase) == 1, "as seldom as that is how nearly equal rates part")
  }

  @Test func leavesAFasterGuestAlone() {
    var phase = steady
    #expect(
      (0..<10).map { _ in pauses(&phase) }
        == [1, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 16_384])
  }

  @Test func forgetsThatItWasFasterOnce() {
    var phase = steady
    #expect((0..<4).map { _ in pauses(&phase) } == [1, 128, 256, 512])
    for _ in 0..<1200 { phase.saw(.first) }
    #expect((0..<2).map { _ in pauses(&phase) } == [1, 128])
  }
}

/// What becomes of a guest's flips, all parts together.
struct FlipPhaseInAScheduleTests {
  /// A viewer that has watched a guest for 20 000 refreshes, after it had settled.
  private func viewer(
    rate: Double, monitor: Double = 60, jitter: Int = 100_000, offset: Int = 0,
    stalls: (every: UInt64, lasting: Int)? = nil
  ) -> ScriptedViewer {
    let interval = Int(1e9 / monitor)
    var screen = ScriptedScreen(interval: interval, latch: interval / 16)
    var viewer = ScriptedViewer(work: 300_000)
    viewer.stalls = stalls
    var guest = ScriptedGuest(
      rate: rate, jitter: jitter, flips: Int(20_600 * rate / monitor),
      from: viewer.now.advanced(nanoseconds: offset))
    viewer.show(400, of: &guest, on: &screen)
    viewer.forget()
    viewer.show(20_000, of: &guest, on: &screen)
    return viewer
  }

  /// Wherever in a refresh the guest flips, and though the machine stands still for a sixth of one
  /// now and then.
  @Test(arguments: [0, 2, 4, 6, 8, 10, 12, 13, 14, 15, 16].map { $0 * 1_000_000 })
  func losesNothingOfAGuestOfTheMonitorsRate(offset: Int) {
    let viewer = viewer(rate: 60, offset: offset, stalls: (every: 100, lasting: 2_700_000))
    #expect(viewer.unseen <= 2)
    #expect(viewer.late <= 2)
  }

  @Test func learnsTheMarginFirst() {
    var screen = ScriptedScreen(interval: 16_666_667, latch: 1_000_000)
    var viewer = ScriptedViewer(work: 300_000)
    var guest = ScriptedGuest(rate: 60, jitter: 0, flips: 100, from: viewer.now)
    viewer.show(32, of: &guest, on: &screen)
    #expect(viewer.schedule.phase.lead(interval: 16_666_667) != nil)
    #expect(viewer.schedule.next(now: viewer.now).look == .last)
    viewer.show(40, of: &guest, on: &screen)
    #expect(viewer.schedule.next(now: viewer.now).look == .first)
  }

  /// Where flips wander past both looks: no more than must be, which is what the rates differ by.
  @Test(arguments: [(60.0, 20), (59.9, 0), (59.945, 2), (59.95, 4)], [20_000, 800_000])
  func losesNothingMoreThanMustBeOfNearlyEqualRates(_ pair: (rate: Double, must: Int), jitter: Int)
  {
    let viewer = viewer(rate: pair.rate, monitor: 59.94, jitter: jitter)
    #expect(viewer.unseen <= pair.must + 2)
    #expect(viewer.late <= 2)
  }

  /// The newest frame that there is, as without a first look: half an interval old on average.
  @Test(arguments: [72.3, 75.7, 97, 119, 143.5, 250.3, 999])
  func showsTheNewestFrameOfAFasterGuest(rate: Double) {
    let interval = 16_666_667
    let viewer = viewer(rate: rate)
    let age = viewer.ages.reduce(0, +) / viewer.ages.count
    let latest = viewer.schedule.margin.nanoseconds + viewer.schedule.work.nanoseconds
    #expect(age < latest + Int(0.5e9 / rate) + interval / 32)
    #expect(viewer.shown(of: interval) >= 0.999)
    #expect(Double(viewer.looks) / 20_000 < 1.01)
  }

  @Test(arguments: [24.0, 25, 30, 45, 50])
  func looksOnceARefreshAtASlowerGuest(rate: Double) {
    let viewer = viewer(rate: rate)
    #expect(viewer.unseen <= 3)
    #expect(viewer.looks <= 20_001)
  }

  /// Whose flips pass the looks all the time, or hit them seldom.
  @Test(arguments: [59.0, 57, 55, 50, 45, 30.2, 24])
  func seesTheFlipsOfOtherRates(rate: Double) {
    #expect(viewer(rate: rate, monitor: 59.94, jitter: 20_000).unseen <= 5)
  }

  @Test func aSecondLookIsSeldomAtAGuestOfTheMonitorsRate() {
    #expect(Double(viewer(rate: 60, offset: 8_000_000).looks) / 20_000 < 1.1)
  }
}
