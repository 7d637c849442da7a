// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// The time from the last look at a guest to the refresh: the display server's margin, the time
/// that a frame takes, and the delay of a busy machine.
struct HandoverDeadline {
  private(set) var margin: DeadlineMargin
  private(set) var work = WorkEstimate()
  private(set) var lateness = Lateness()

  /// - Parameter interval: nanoseconds between the monitor's refreshes.
  init(interval: Int) { margin = DeadlineMargin(interval: interval) }

  /// Nanoseconds from the last look to the refresh.
  var lead: Int { margin.nanoseconds + work.nanoseconds + lateness.nanoseconds }

  /// The expected time of a frame's hand-over after a look.
  func handover(after look: MonotonicInstant) -> MonotonicInstant {
    look.advanced(nanoseconds: work.nanoseconds)
  }

  /// Learns from a frame's hand-over.
  ///
  /// - Parameters:
  ///   - look: the time of the look.
  ///   - planned: the planned time of the hand-over; `nil` when the frame aimed at no refresh.
  ///   - now: the time of the hand-over.
  ///   - interval: the monitor's interval, in nanoseconds.
  mutating func learn(
    look: MonotonicInstant, planned: MonotonicInstant?, handedOver now: MonotonicInstant,
    interval: Int
  ) {
    if let planned { lateness.learn(now.nanoseconds(since: planned), interval: interval) }
    work.learn(now.nanoseconds(since: look), most: interval)
  }

  /// Begins anew for another monitor, or another mode of the monitor, because the old margin does
  /// not hold there.
  ///
  /// - Returns: whether the monitor or its mode is another one.
  mutating func beginsAnew(interval: Int) -> Bool {
    guard abs(interval - margin.interval) > margin.interval / 16 else { return false }
    margin = DeadlineMargin(interval: interval)
    return true
  }

  /// Learns from a frame that was shown.
  mutating func learn(_ frame: AimedFrame, isInTime: Bool) {
    if isInTime {
      if frame.isTelling { margin.madeIt() }
    } else if frame.isFair {
      margin.missed()
    }
  }
}

/// The time before a refresh at which a frame must be handed over to be shown there. No display
/// server tells this time. It is learned from frames that hit the refresh that they aimed at, and
/// from frames that missed it.
///
/// The margin begins with a whole refresh. While every frame is in time, the margin shrinks by a
/// quarter of the rest. So it is small within a second, and must be: a guest that flips once a
/// refresh loses a frame whenever the moment of the look passes the moment of the flip. When a
/// frame is late, the margin grows at once; after that it shrinks far more slowly, so that trying
/// costs few frames.
package struct DeadlineMargin: Sendable {
  /// Nanoseconds before the refresh.
  package private(set) var nanoseconds: Int
  /// Nanoseconds between the refreshes of the monitor from which it was learned.
  let interval: Int
  private var inTime = 0
  private var stride = firstStride

  /// The number of frames in time before the margin shrinks again: at first, after the first late
  /// frame, and at most.
  private static let firstStride = 4
  private static let cautiousStride = 512
  private static let longestStride = 4096
  /// The smallest margin, in nanoseconds: a thread's wake-up is not more punctual.
  private static let least = 500_000

  /// Makes a margin for a monitor with so many nanoseconds between its refreshes.
  init(interval: Int) {
    self.interval = interval
    nanoseconds = interval
  }

  /// A thirty-second of a refresh: half a millisecond at 60 Hz.
  private var step: Int { interval / 32 }

  /// Whether the margin is near the deadline, as far as it is known.
  package var isSettled: Bool { stride != Self.firstStride || nanoseconds == floor }

  private var floor: Int { max(Self.least, step) }

  /// Learns from a frame that was in time after a hand-over this early, or later.
  mutating func madeIt() {
    inTime += 1
    guard inTime >= stride else { return }
    inTime = 0
    let stepDown = stride == Self.firstStride ? max(step, nanoseconds / 4) : step
    nanoseconds = max(nanoseconds - stepDown, floor)
  }

  /// Learns from a frame that missed its refresh after a hand-over this early.
  mutating func missed() {
    inTime = 0
    // At most one and a half refreshes. When even that is late, the server chooses its own time to
    // draw, and a program that hands over as soon as it may is never too late.
    nanoseconds = min(nanoseconds + 4 * step, interval + interval / 2)
    stride = min(max(stride * 4, Self.cautiousStride), Self.longestStride)
  }
}

/// The time from a look at the guest to the hand-over of its frame. It follows longer times quickly
/// and shorter times slowly.
package struct WorkEstimate: Sendable {
  /// Nanoseconds.
  package private(set) var nanoseconds = 0
  private var hasSample = false

  /// Nothing was measured yet.
  init() {}

  /// Learns from one frame.
  ///
  /// - Parameters:
  ///   - sample: the frame's time, in nanoseconds.
  ///   - most: the longest time that counts; a longer one counts as this. A frame with an import,
  ///     or a thread that had to wait, is no measure.
  mutating func learn(_ sample: Int, most: Int) {
    let sample = min(max(0, sample), most)
    defer { hasSample = true }
    guard hasSample else {
      nanoseconds = sample
      return
    }
    nanoseconds += (sample - nanoseconds) / (sample > nanoseconds ? 2 : 16)
  }
}

/// The delay of hand-overs behind their plan, because a busy machine wakes threads late and stops
/// them halfway. Time that is set aside for delays costs latency; too little of it costs frames.
///
/// It approaches the delay that about one frame in a thousand exceeds. A rarer delay costs next to
/// nothing, and no time is set aside for it.
package struct Lateness: Sendable {
  /// Nanoseconds to set aside.
  package private(set) var nanoseconds = 0

  /// The number of frames in time that make up for a late one.
  private static let balance = 1024

  /// Nothing was late yet.
  init() {}

  /// Learns from one frame.
  ///
  /// - Parameters:
  ///   - sample: the delay of its hand-over, in nanoseconds; less than 0 when it was early.
  ///   - interval: the monitor's interval, in nanoseconds. A delay of more than a quarter of it is
  ///     ignored, because no time is set aside for a machine that stands still.
  mutating func learn(_ sample: Int, interval: Int) {
    guard sample <= interval / 4 else { return }
    let step = interval / 16
    nanoseconds =
      sample > nanoseconds
      ? min(sample, nanoseconds + step) : max(0, nanoseconds - max(1, step / Self.balance))
  }
}
