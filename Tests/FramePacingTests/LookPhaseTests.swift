// SPDX-License-Identifier: Apache-2.0

import FramePacing
import LinuxSystem
import Testing

struct LookPhaseTests {
  /// Flips that a viewer never saw, of 20 000 refreshes.
  private func unseen(
    rate: Double, monitor: Double = 59.94, jitter: Int = 800_000
  ) -> Int {
    let interval = Int(1e9 / monitor)
    var screen = ScriptedScreen(interval: interval, latch: interval / 16)
    var viewer = ScriptedViewer(work: 300_000)
    var guest = ScriptedGuest(
      rate: rate, jitter: jitter, flips: Int(20_600 * rate / monitor), from: viewer.now)
    viewer.show(400, of: &guest, on: &screen)
    viewer.forget()
    viewer.show(20_000, of: &guest, on: &screen)
    return viewer.unseen
  }

  /// Where flips wander past the looks. The monitor itself passes over 20 of the 60 Hz guest's.
  @Test(arguments: [(60.0, 150), (59.9, 40), (59.945, 40), (59.95, 40)])
  func seesTheFlipsOfAGuestOfNearlyTheMonitorsRate(rate: Double, limit: Int) {
    #expect(unseen(rate: rate) <= limit)
  }

  /// Whose flips pass the looks all the time, or hit them seldom: no move would help.
  @Test(arguments: [59.0, 57, 55, 50, 45, 30.2, 24])
  func leavesOtherRatesAlone(rate: Double) {
    #expect(unseen(rate: rate, jitter: 20_000) <= 5)
  }

  @Test func movesWhenFlipsBeginToMissTheLooksAndCreepsBack() {
    var phase = LookPhase()
    for _ in 0..<100 { phase.saw(flip: true, interval: 16_000_000) }
    phase.saw(flip: false, interval: 16_000_000)
    #expect(phase.nanoseconds == 0, "once is what different rates have")
    phase.saw(flip: true, interval: 16_000_000)
    phase.saw(flip: false, interval: 16_000_000)
    #expect(phase.nanoseconds == 3_000_000)
    for _ in 0..<256 { phase.saw(flip: true, interval: 16_000_000) }
    #expect(phase.nanoseconds == 3_000_000)
    for _ in 0..<800 { phase.saw(flip: true, interval: 16_000_000) }
    #expect(phase.nanoseconds == 0)
  }

  @Test func looksThatWereNotTakenYetMissNothing() {
    var phase = LookPhase()
    for _ in 0..<21 { phase.saw(flip: true, interval: 16_000_000) }
    phase.saw(flip: false, interval: 16_000_000)
    #expect(phase.nanoseconds == 0)
  }

  @Test func movesBackWhereItIsMissedAgain() {
    var phase = LookPhase()
    for _ in 0..<2 {
      for _ in 0..<100 { phase.saw(flip: true, interval: 16_000_000) }
      for flip in [false, true, false] { phase.saw(flip: flip, interval: 16_000_000) }
    }
    #expect(phase.nanoseconds == 0)
  }

  @Test func movesSeldomWhereThatDoesNotHelp() {
    var phase = LookPhase()
    var moves = 0
    for look in 0..<30_000 {
      let before = phase.nanoseconds
      phase.saw(flip: !look.isMultiple(of: 12), interval: 16_000_000)
      if abs(phase.nanoseconds - before) > 16_000_000 / 1000 { moves += 1 }
    }
    #expect((1...9).contains(moves))
  }

  @Test func aGuestAtRestMovesNothing() {
    var phase = LookPhase()
    for _ in 0..<1000 { phase.saw(flip: true, interval: 16_000_000) }
    for _ in 0..<20 { phase.saw(flip: false, interval: 16_000_000) }
    for look in 0..<2000 {
      phase.saw(flip: look.isMultiple(of: 100), interval: 16_000_000)
    }
    #expect(phase.nanoseconds == 0)
  }
}
