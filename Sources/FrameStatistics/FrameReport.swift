// SPDX-License-Identifier: Apache-2.0

import Histogram

/// The fate of a guest's frames in numbers: a copy that any thread may keep.
///
/// Encoded, its keys are those of `timing` in docs/statistics.md.
public struct FrameReport: Hashable, Sendable {
  /// The clock of the presentation times, such as `CLOCK_MONOTONIC`.
  public var clock: String
  /// The origin of the presentation times.
  public var feedback: FeedbackSource
  /// Refreshes of the display per second; `nil` when the display server does not tell.
  public var displayRate: Double?
  /// Seconds from the first presented frame to the last, after the warm-up.
  public var seconds: Double
  /// Frames presented per second: the number of intervals between them, divided by `seconds`.
  public var framesPerSecond: Double
  /// New frames of the guest that were shown per second (UPS).
  public var updatesPerSecond: Double
  private var counts: [FrameCount: Int]
  private var steps: [FrameStep: Distribution]

  /// The value of a count.
  public subscript(count: FrameCount) -> Int { counts[count] ?? 0 }

  /// The durations of a step.
  public subscript(step: FrameStep) -> Distribution { steps[step] ?? Distribution() }

  init(_ samples: borrowing FrameSamples, _ origin: FrameOrigin) {
    clock = "\(origin.clock)"
    feedback = origin.feedback
    displayRate = origin.refresh == 0 ? nil : 1e9 / Double(origin.refresh)
    counts = [:]
    for count in FrameCount.allCases { counts[count] = samples[count] }
    steps = [:]
    for step in FrameStep.allCases { steps[step] = Distribution(samples[step]) }
    let span = samples.span
    let seconds = span.last > span.first ? Double(span.last - span.first) / 1e9 : 0
    self.seconds = seconds
    framesPerSecond = seconds > 0 ? Double(samples[.presented] - 1) / seconds : 0
    updatesPerSecond =
      seconds > 0 ? Double(samples[.updates] - (span.isFirstUpdate ? 1 : 0)) / seconds : 0
  }

  /// The irregularities: `missed 3, superseded 0, discarded 0, pauses 1`.
  package var troubles: String {
    FrameCount.troubles.map { "\($0.name) \(self[$0])" }.joined(separator: ", ")
  }
}

extension FrameReport: Codable {
  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }

    static let clock = Key("clock")
    static let feedback = Key("feedback")
    static let displayRate = Key("refreshRate")
    static let seconds = Key("seconds")
    static let framesPerSecond = Key("framesPerSecond")
    static let updatesPerSecond = Key("newFramesPerSecond")
  }

  /// Reads the output of `encode(to:)`.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: Key.self)
    clock = try values.decode(String.self, forKey: .clock)
    feedback = try values.decode(FeedbackSource.self, forKey: .feedback)
    displayRate = try values.decodeIfPresent(Double.self, forKey: .displayRate)
    seconds = try values.decode(Double.self, forKey: .seconds)
    framesPerSecond = try values.decode(Double.self, forKey: .framesPerSecond)
    updatesPerSecond = try values.decode(Double.self, forKey: .updatesPerSecond)
    counts = [:]
    for count in FrameCount.allCases {
      counts[count] = try values.decode(Int.self, forKey: Key(count.key))
    }
    steps = [:]
    for step in FrameStep.allCases {
      steps[step] = try values.decode(Distribution.self, forKey: Key(step.key))
    }
  }

  /// Writes an object whose keys docs/statistics.md describes.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    try values.encode(clock, forKey: .clock)
    try values.encode(feedback, forKey: .feedback)
    try values.encode(displayRate, forKey: .displayRate)
    try values.encode(seconds, forKey: .seconds)
    try values.encode(framesPerSecond, forKey: .framesPerSecond)
    try values.encode(updatesPerSecond, forKey: .updatesPerSecond)
    for count in FrameCount.allCases { try values.encode(self[count], forKey: Key(count.key)) }
    for step in FrameStep.allCases { try values.encode(self[step], forKey: Key(step.key)) }
  }
}

/// A report, and the data for drawing it.
public struct FrameMeasurement: Hashable, Sendable {
  /// A recorded duration and its count.
  public struct Occurrence: Hashable, Sendable {
    /// Nanoseconds; they stand for all values within 1 %.
    public var nanoseconds: UInt64
    /// The number of times.
    public var count: Int
  }

  /// The report.
  public var report: FrameReport
  /// The last presentations, the oldest first.
  public var presentations: [Presentation]
  /// The latencies from detection to presentation, the shortest first.
  public var latencies: [Occurrence]
}
