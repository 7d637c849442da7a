// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// How long before a refresh the guest is looked at for the last time: the display server's margin,
/// the time that a frame takes, and the time by which a busy machine is late.
struct HandoverDeadline {
  private(set) var margin: DeadlineMargin
  private(set) var work = WorkEstimate()
  private(set) var lateness = Lateness()

  /// - Parameter interval: nanoseconds between the monitor's refreshes.
  init(interval: Int) { margin = DeadlineMargin(interval: interval) }

  /// Nanoseconds from the last look to the refresh.
  var lead: Int { margin.nanoseconds + work.nanoseconds + lateness.nanoseconds }

  /// When the frame of a look is handed over, if all goes as usual.
  func handover(after look: MonotonicInstant) -> MonotonicInstant {
    look.advanced(nanoseconds: work.nanoseconds)
  }

  /// Learns from a frame's way to its hand-over.
  ///
  /// - Parameters:
  ///   - look: when the guest was looked at.
  ///   - planned: when the frame should have been handed over; `nil` when it aimed at no refresh.
  ///   - now: when it was.
  ///   - interval: the monitor's, in nanoseconds.
  mutating func learn(
    look: MonotonicInstant, planned: MonotonicInstant?, handedOver now: MonotonicInstant,
    interval: Int
  ) {
    if let planned { lateness.learn(now.nanoseconds(since: planned), interval: interval) }
    work.learn(now.nanoseconds(since: look), most: interval)
  }

  /// Begins anew on another monitor, or in another mode of it: the old margin does not hold there.
  ///
  /// - Returns: whether it is another one.
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

/// How long before a refresh a frame has to be handed over to be in it. No display server tells this:
/// it is learned from frames that were in the refresh that they aimed at, and from those that were
/// not.
///
/// The margin begins with a whole refresh. While every frame is in time, it shrinks by a quarter of
/// what is left, so that it is small within a second: a guest that flips once a refresh loses a frame
/// whenever the moment of looking passes that of its flip. When a frame is late, the margin grows at
/// once; after that it shrinks far more slowly, so that trying costs few frames.
package struct DeadlineMargin: Sendable {
  /// Nanoseconds before the refresh.
  package private(set) var nanoseconds: Int
  /// Nanoseconds between the refreshes of the monitor that it was learned of.
  let interval: Int
  private var inTime = 0
  private var stride = firstStride

  /// Frames in time before it creeps on, at first, after the first late one, and at most.
  private static let firstStride = 4
  private static let cautiousStride = 512
  private static let longestStride = 4096
  /// It never comes nearer, in nanoseconds: a thread's wake-up is not more punctual.
  private static let least = 500_000

  /// For a monitor with so many nanoseconds between its refreshes.
  init(interval: Int) {
    self.interval = interval
    nanoseconds = interval
  }

  /// A thirty-second of a refresh: half a millisecond at 60 Hz.
  private var step: Int { interval / 32 }

  /// It is near the deadline, for what is known.
  package var isSettled: Bool { stride != Self.firstStride || nanoseconds == floor }

  private var floor: Int { max(Self.least, step) }

  /// A frame that was handed over this early, or later, was in time.
  mutating func madeIt() {
    inTime += 1
    guard inTime >= stride else { return }
    inTime = 0
    let stepDown = stride == Self.firstStride ? max(step, nanoseconds / 4) : step
    nanoseconds = max(nanoseconds - stepDown, floor)
  }

  /// A frame that was handed over this early was not in the refresh that it aimed at.
  mutating func missed() {
    inTime = 0
    // Half as long again as a refresh: where even that is late, the server decides when it draws,
    // and whoever hands over as soon as he may is never later than he must.
    nanoseconds = min(nanoseconds + 4 * step, interval + interval / 2)
    stride = min(max(stride * 4, Self.cautiousStride), Self.longestStride)
  }
}

/// How long it takes from looking at the guest to handing over its frame: quick to believe that it
/// takes long, slow to believe that it does not.
package struct WorkEstimate: Sendable {
  /// Nanoseconds.
  package private(set) var nanoseconds = 0
  private var hasSample = false

  /// Nothing was measured yet.
  init() {}

  /// Learns from one frame.
  ///
  /// - Parameters:
  ///   - sample: how long the frame took, in nanoseconds.
  ///   - most: what is longer counts as this: a frame that had to be imported first, or a thread
  ///     that had to wait, is no measure.
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

/// By how much frames are handed over later than was planned, because a busy machine wakes threads late
/// and stops them halfway. Time that is set aside costs latency; time that is not costs frames.
///
/// It comes to the time that all but one frame in a thousand or so need. A rarer delay costs next to
/// nothing, and is not waited for.
package struct Lateness: Sendable {
  /// Nanoseconds to be set aside.
  package private(set) var nanoseconds = 0

  /// Frames in time that make up for a late one.
  private static let balance = 1024

  /// Nothing was late yet.
  init() {}

  /// Learns from one frame.
  ///
  /// - Parameters:
  ///   - sample: how late it was handed over, in nanoseconds; less than 0 when early.
  ///   - interval: the monitor's, in nanoseconds. What is later than a quarter of it says nothing: a
  ///     machine that stands still is not waited for.
  mutating func learn(_ sample: Int, interval: Int) {
    guard sample <= interval / 4 else { return }
    let step = interval / 16
    nanoseconds =
      sample > nanoseconds
      ? min(sample, nanoseconds + step) : max(0, nanoseconds - max(1, step / Self.balance))
  }
}
