// SPDX-License-Identifier: Apache-2.0

import Histogram

/// What became of a guest's frames, in numbers: a copy that is anyone's.
///
/// Encoded, its keys are those of `timing` in docs/statistics.md.
public struct FrameReport: Hashable, Sendable {
  /// The clock of the presentation times, such as `CLOCK_MONOTONIC`.
  public var clock: String
  /// Who told when frames were presented.
  public var feedback: FeedbackSource
  /// Refreshes of the display per second; `nil` when it does not tell.
  public var displayRate: Double?
  /// Seconds from the first presented frame to the last, after the warm-up.
  public var seconds: Double
  /// Frames presented per second: intervals between them, by `seconds`.
  public var framesPerSecond: Double
  /// New frames of the guest's that were shown per second (UPS).
  public var updatesPerSecond: Double
  private var counts: [FrameCount: Int]
  private var steps: [FrameStep: Distribution]

  /// How often something was counted.
  public subscript(count: FrameCount) -> Int { counts[count] ?? 0 }

  /// How long a step took.
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

  /// What did not go as it should: `missed 3, superseded 0, discarded 0, pauses 1`.
  package var troubles: String {
    FrameCount.troubles.map { "\($0.key) \(self[$0])" }.joined(separator: ", ")
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
    static let displayRate = Key("displayHertz")
    static let seconds = Key("seconds")
    static let framesPerSecond = Key("framesPerSecond")
    static let updatesPerSecond = Key("updatesPerSecond")
  }

  /// Reads what `encode(to:)` writes.
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
    try values.encodeIfPresent(displayRate, forKey: .displayRate)
    try values.encode(seconds, forKey: .seconds)
    try values.encode(framesPerSecond, forKey: .framesPerSecond)
    try values.encode(updatesPerSecond, forKey: .updatesPerSecond)
    for count in FrameCount.allCases { try values.encode(self[count], forKey: Key(count.key)) }
    for step in FrameStep.allCases { try values.encode(self[step], forKey: Key(step.key)) }
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
