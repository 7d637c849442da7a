// SPDX-License-Identifier: Apache-2.0

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
