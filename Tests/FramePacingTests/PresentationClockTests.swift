// SPDX-License-Identifier: Apache-2.0

import FramePacing
import LinuxSystem
import Testing

struct PresentationClockTests {
  private let start = MonotonicInstant(nanoseconds: 1_000_000_000_000)
  private let interval = 16_666_667

  private func feedback(
    _ time: MonotonicInstant, interval: Int = 0, sequence: UInt64? = nil
  ) -> PresentationFeedback {
    PresentationFeedback(time: time, interval: interval, sequence: sequence)
  }

  @Test func knowsNothingAtFirst() {
    let clock = PresentationClock()
    #expect(clock.interval == nil)
    #expect(clock.nextRefresh(after: start) == nil)
  }

  @Test func foreseesRefreshes() {
    var clock = PresentationClock()
    let believed = clock.learn(feedback(start, interval: interval), now: start)
    #expect(believed != nil)
    #expect(clock.nextRefresh(after: start) == start.advanced(nanoseconds: interval))
    #expect(
      clock.nextRefresh(after: start.advanced(nanoseconds: interval * 7 - 1))
        == start.advanced(nanoseconds: interval * 7))
    #expect(
      clock.nextRefresh(after: start.advanced(nanoseconds: interval * 7))
        == start.advanced(nanoseconds: interval * 8))
    #expect(clock.nextRefresh(after: start.advanced(nanoseconds: -5)) == start)
  }

  @Test func doesNotBelieveTimesThatAreNotNear() {
    var clock = PresentationClock()
    for nanoseconds in [0, 1, UInt64.max, start.nanoseconds + 2_000_000_000] {
      let time = MonotonicInstant(nanoseconds: nanoseconds)
      let believed = clock.learn(feedback(time, interval: interval), now: start)
      #expect(believed == nil)
    }
    #expect(clock.lastRefresh == nil)
  }

  @Test func doesNotBelieveIntervalsOfNoMonitor() {
    var clock = PresentationClock()
    for interval in [-1, 1, 999_999, 200_000_001, Int.max, Int.min] {
      clock.learn(feedback(start, interval: interval), now: start)
      #expect(clock.interval == nil)
    }
  }

  @Test func goesAlongWhenTheClockJumpsBack() {
    var clock = PresentationClock()
    clock.learn(feedback(start, interval: interval, sequence: 10), now: start)
    let earlier = start.advanced(nanoseconds: -900_000_000)
    let believed = clock.learn(feedback(earlier, sequence: 3), now: earlier)
    #expect(believed != nil)
    #expect(clock.nextRefresh(after: earlier) == earlier.advanced(nanoseconds: interval))
  }

  @Test func measuresBetweenCountedRefreshes() {
    var clock = PresentationClock()
    clock.learn(feedback(start, sequence: 100), now: start)
    #expect(clock.interval == nil)
    let later = start.advanced(nanoseconds: 4 * 6_944_444)
    clock.learn(feedback(later, sequence: 104), now: later)
    #expect(clock.interval == 6_944_444)
  }

  @Test func followsACountedMonitorToAnotherRate() {
    var clock = PresentationClock()
    var time = start
    for sequence in 1..<UInt64(200) {
      time = time.advanced(nanoseconds: sequence < 100 ? interval : 8_333_333)
      clock.learn(feedback(time, sequence: sequence), now: time)
      if sequence == 99 { #expect(clock.interval == interval) }
    }
    #expect(clock.interval == 8_333_333)
  }

  @Test func standsTimestampsThatScatterByHalfARefresh() throws {
    var clock = PresentationClock()
    for sequence in 1..<UInt64(200) {
      let scatter = Int(sequence * 7919 % 16) * 1_000_000 - 8_000_000
      let time = start.advanced(nanoseconds: Int(sequence) * interval + scatter)
      clock.learn(feedback(time, sequence: sequence), now: time)
    }
    let measured = try #require(clock.interval)
    #expect(abs(measured - interval) < interval / 20)
    let last = try #require(clock.lastRefresh)
    let phase = last.nanoseconds(since: start) % interval
    #expect(min(phase, interval - phase) < 4_000_000, "scatters less than what it was told")
  }

  @Test func aVariableRateForeseesNothing() {
    var clock = PresentationClock()
    clock.learn(feedback(start, interval: interval), now: start)
    clock.learn(feedback(start, interval: 0), now: start)
    #expect(clock.interval == nil)
    #expect(clock.nextRefresh(after: start) == nil)
  }
}
