// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// A display server's feedback on a frame that it has shown.
public struct PresentationFeedback: Hashable, Sendable {
  /// The time at which the frame became visible, or was about to; CLOCK_MONOTONIC.
  public var time: MonotonicInstant
  /// The nanoseconds to the next refresh, as the server foresees them; 0 when it does not know, as
  /// with a variable refresh rate.
  public var interval: Int
  /// A number that each refresh of the same monitor increases by one; `nil` when the server gives
  /// none.
  public var sequence: UInt64?

  /// Makes feedback from its parts.
  public init(time: MonotonicInstant, interval: Int, sequence: UInt64? = nil) {
    self.time = time
    self.interval = interval
    self.sequence = sequence
  }
}

/// A monitor's refreshes, learned from the display server's feedback on frames.
public struct PresentationClock: Sendable {
  /// Nanoseconds from one refresh to the next; `nil` while it is unknown, and when the rate varies.
  public private(set) var interval: Int?
  /// The last known refresh.
  public private(set) var lastRefresh: MonotonicInstant?
  private var lastSequence: UInt64?
  /// The start of the interval's measurement: the time, and the number of the refresh.
  private var start: (time: MonotonicInstant, sequence: UInt64)?

  /// Intervals that a monitor may have, in nanoseconds: 1000 Hz to 5 Hz.
  public static let intervals = 1_000_000...200_000_000
  /// The greatest distance of a believed timestamp from the present, in nanoseconds.
  private static let plausibleDistance = 1_000_000_000
  /// The number of refreshes over which an interval is measured, because single timestamps may
  /// scatter widely.
  private static let measured: UInt64 = 32
  /// The number of refreshes before a first, rough measure.
  private static let roughly: UInt64 = 4

  /// Nothing is known yet.
  public init() {}

  /// Learns from a refresh.
  ///
  /// - Parameters:
  ///   - feedback: the display server's feedback on one frame.
  ///   - now: the present. A timestamp that is not near it is not believed.
  /// - Returns: the refresh's time, or `nil` when the timestamp is not believed.
  @discardableResult
  public mutating func learn(
    _ feedback: PresentationFeedback, now: MonotonicInstant
  ) -> MonotonicInstant? {
    guard abs(feedback.time.nanoseconds(since: now)) <= Self.plausibleDistance else {
      return nil
    }
    let time = smoothed(feedback)
    lastRefresh = time
    lastSequence = feedback.sequence
    if Self.intervals.contains(feedback.interval) {
      interval = feedback.interval
    } else if let sequence = feedback.sequence {
      measure(feedback.time, sequence)
    } else {
      interval = nil
    }
    return time
  }

  /// Follows a server that does not know the interval. Its timestamps scatter, because it counts
  /// without a monitor. Each timestamp moves the clock by an eighth of the distance.
  private func smoothed(_ feedback: PresentationFeedback) -> MonotonicInstant {
    guard feedback.interval == 0, let sequence = feedback.sequence, let lastSequence, let interval,
      let lastRefresh, sequence >= lastSequence, sequence - lastSequence < Self.measured
    else { return feedback.time }
    let foreseen = lastRefresh.advanced(nanoseconds: Int(sequence - lastSequence) * interval)
    let error = feedback.time.nanoseconds(since: foreseen)
    return abs(error) < interval ? foreseen.advanced(nanoseconds: error / 8) : feedback.time
  }

  private mutating func measure(_ time: MonotonicInstant, _ sequence: UInt64) {
    guard let start, sequence >= start.sequence, sequence - start.sequence < 2 * Self.measured
    else {
      // The first timestamp, or the first after a while, or one of another monitor.
      start = (time, sequence)
      return
    }
    let count = sequence - start.sequence
    guard count >= Self.measured || interval == nil && count >= Self.roughly else { return }
    let length = time.nanoseconds(since: start.time) / Int(count)
    if Self.intervals.contains(length) { interval = length }
    if count >= Self.measured { self.start = (time, sequence) }
  }

  /// The first refresh after an instant; `nil` while the interval is not known.
  public func nextRefresh(after instant: MonotonicInstant) -> MonotonicInstant? {
    guard let interval, let lastRefresh else { return nil }
    let elapsed = instant.nanoseconds(since: lastRefresh)
    if elapsed < 0 { return lastRefresh }
    return lastRefresh.advanced(nanoseconds: (elapsed / interval + 1) * interval)
  }
}
