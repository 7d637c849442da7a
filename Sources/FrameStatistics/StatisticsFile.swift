// SPDX-License-Identifier: Apache-2.0

package import LinuxSystem

/// The frames that a viewer has handed on: how many, and since when.
package struct HandedFrames: Hashable, Sendable {
  /// How many.
  package private(set) var count = 0
  /// The time of the first; CLOCK_MONOTONIC.
  package private(set) var first: MonotonicInstant?
  /// The time of the last; CLOCK_MONOTONIC.
  package private(set) var last: MonotonicInstant?

  /// None yet.
  package init() {}

  /// The seconds from the first to the last; zero for fewer than two.
  package var seconds: Double {
    guard let first, let last else { return 0 }
    return last.seconds(since: first)
  }

  /// The number of intervals between them, divided by `seconds`. Zero for fewer than two.
  package var perSecond: Double { seconds > 0 ? Double(count - 1) / seconds : 0 }

  /// Counts one.
  package mutating func add(at now: MonotonicInstant) {
    count += 1
    if first == nil { first = now }
    last = now
  }
}

/// The statistics file of a viewer (`vgpu view --stats`), the same for every kind of viewer:
/// docs/statistics.md describes each key. What a viewer does not have is 0 or null.
package struct StatisticsFile: Encodable, Sendable {
  package var handed = HandedFrames()
  package var newFrames = 0
  package var framesShown = 0
  package var framesLate = 0
  package var framesDiscarded = 0
  package var feedback: FeedbackSource?
  package var refreshRate: Double?
  package var comparisons = 0
  package var comparisonSeconds = 0.0
  package var changeDetection: String?
  package var path: String?
  package var imports = 0
  package var gets = 0
  package var copies = 0
  package var draws = 0
  package var handovers = 0
  package var compositorBuffers = 0
  package var inputEvents = 0
  package var renderer: String?
  package var backend: String?
  package var importRefusal: String?
  package var handoverRefusal: String?
  package var fallback: String?
  package var timing: FrameReport?

  /// Nothing shown yet.
  package init() {}

  /// Keys are added, never renamed or removed.
  private enum CodingKeys: String, CodingKey {
    case framesPresented, newFrames, framesShown, framesLate, framesDiscarded, feedback,
      refreshRate, comparisons, comparisonSeconds, changeDetection, seconds, framesPerSecond,
      path, imports, gets, copies, draws, handovers, compositorBuffers, inputEvents, renderer,
      backend, importRefusal, handoverRefusal, fallback, timing
  }

  /// Writes every key.
  package func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(handed.count, forKey: .framesPresented)
    try values.encode(newFrames, forKey: .newFrames)
    try values.encode(framesShown, forKey: .framesShown)
    try values.encode(framesLate, forKey: .framesLate)
    try values.encode(framesDiscarded, forKey: .framesDiscarded)
    try values.encode(feedback, forKey: .feedback)
    try values.encode(refreshRate, forKey: .refreshRate)
    try values.encode(comparisons, forKey: .comparisons)
    try values.encode(comparisonSeconds, forKey: .comparisonSeconds)
    try values.encode(changeDetection, forKey: .changeDetection)
    try values.encode(handed.seconds, forKey: .seconds)
    try values.encode(handed.perSecond, forKey: .framesPerSecond)
    try values.encode(path, forKey: .path)
    try values.encode(imports, forKey: .imports)
    try values.encode(gets, forKey: .gets)
    try values.encode(copies, forKey: .copies)
    try values.encode(draws, forKey: .draws)
    try values.encode(handovers, forKey: .handovers)
    try values.encode(compositorBuffers, forKey: .compositorBuffers)
    try values.encode(inputEvents, forKey: .inputEvents)
    try values.encode(renderer, forKey: .renderer)
    try values.encode(backend, forKey: .backend)
    try values.encode(importRefusal, forKey: .importRefusal)
    try values.encode(handoverRefusal, forKey: .handoverRefusal)
    try values.encode(fallback, forKey: .fallback)
    try values.encode(timing, forKey: .timing)
  }
}
