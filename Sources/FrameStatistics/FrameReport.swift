// SPDX-License-Identifier: Apache-2.0

import Histogram

/// What became of a guest's frames, in numbers: a copy that is anyone's.
///
/// Encoded, its keys are those of `timing` in docs/statistics.md.
public struct FrameReport: Hashable, Sendable, Codable {
  /// The clock of the presentation times, such as `CLOCK_MONOTONIC`.
  public var clock: String
  /// Who told when frames were presented.
  public var feedback: FeedbackSource
  /// Refreshes of the display per second; `nil` when it does not tell.
  public var displayRate: Double?
  /// Seconds from the first presented frame to the last, after the warm-up.
  public var seconds: Double
  /// Frames that were left out as warm-up.
  public var warmUpFrames: Int
  /// Frames presented.
  public var presented: Int
  /// Those of them that were the first to show a frame of the guest's.
  public var updates: Int
  /// Frames presented per second: intervals between them, by `seconds`.
  public var framesPerSecond: Double
  /// New frames of the guest's that were shown per second (UPS).
  public var updatesPerSecond: Double
  /// Refreshes that showed an old frame although a newer one had been detected.
  public var missed: Int
  /// Frames of the guest's that were detected, and then not drawn as a newer one came.
  public var superseded: Int
  /// Frames that were handed over and never shown.
  public var discarded: Int
  /// Intervals of more than a second, in which the guest drew nothing. They are in no distribution.
  public var pauses: Int
  /// From the moment that a guest's new buffer was seen to its first presentation.
  public var detectToPresent: Distribution
  /// The same until it was handed to the display server.
  public var detectToCommit: Distribution
  /// One look at the guest: all planes.
  public var query: Distribution
  /// The import of a buffer, those of the warm-up too.
  public var importing: Distribution
  /// Drawing a frame, by the CPU.
  public var draw: Distribution
  /// From one presentation to the next.
  public var interval: Distribution
  /// How much an interval differs from the one before it.
  public var jitter: Distribution

  private enum CodingKeys: String, CodingKey {
    case clock, feedback
    case displayRate = "displayHertz"
    case seconds, warmUpFrames
    case presented = "framesPresented"
    case updates, framesPerSecond, updatesPerSecond, missed, superseded, discarded, pauses
    case detectToPresent = "detectToPresentMicroseconds"
    case detectToCommit = "detectToCommitMicroseconds"
    case query = "queryMicroseconds"
    case importing = "importMicroseconds"
    case draw = "drawMicroseconds"
    case interval = "intervalMicroseconds"
    case jitter = "jitterMicroseconds"
  }

  init(_ samples: borrowing FrameSamples, _ origin: FrameOrigin) {
    let counts = samples.counts
    clock = "\(origin.clock)"
    feedback = origin.feedback
    displayRate = origin.refresh == 0 ? nil : 1e9 / Double(origin.refresh)
    let seconds = counts.last > counts.first ? Double(counts.last - counts.first) / 1e9 : 0
    self.seconds = seconds
    warmUpFrames = counts.warmUp
    presented = counts.presented
    updates = counts.updates
    framesPerSecond = seconds > 0 ? Double(counts.presented - 1) / seconds : 0
    updatesPerSecond =
      seconds > 0 ? Double(counts.updates - (counts.isFirstUpdate ? 1 : 0)) / seconds : 0
    missed = counts.missed
    superseded = counts.superseded
    discarded = counts.discarded
    pauses = counts.pauses
    detectToPresent = Distribution(samples.detectToPresent)
    detectToCommit = Distribution(samples.detectToCommit)
    query = Distribution(samples.query)
    importing = Distribution(samples.importing)
    draw = Distribution(samples.draw)
    interval = Distribution(samples.interval)
    jitter = Distribution(samples.jitter)
  }

  /// The distributions under the names that people read, in the order of a frame's way.
  public var distributions: [(name: String, values: Distribution)] {
    [
      ("query", query), ("import", importing), ("draw", draw),
      ("detect -> commit", detectToCommit), ("detect -> present", detectToPresent),
      ("present interval", interval), ("interval jitter", jitter),
    ]
  }
}

/// A report, and what is needed to draw it.
public struct FrameMeasurement: Hashable, Sendable {
  /// How often a duration was recorded.
  public struct Occurrence: Hashable, Sendable {
    /// Nanoseconds, which stand for all values within 1 %.
    public var nanoseconds: UInt64
    /// How often.
    public var count: Int
  }

  /// The numbers.
  public var report: FrameReport
  /// The last presentations, the oldest first.
  public var presentations: [Presentation]
  /// The latencies from detection to presentation, the shortest first.
  public var latencies: [Occurrence]
}
