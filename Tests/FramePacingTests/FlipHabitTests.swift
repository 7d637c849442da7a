// SPDX-License-Identifier: Apache-2.0

import FramePacing
import LinuxSystem
import Testing

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
