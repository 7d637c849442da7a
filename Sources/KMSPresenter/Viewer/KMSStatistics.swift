// SPDX-License-Identifier: Apache-2.0

public import EGLPresenter
public import FrameStatistics
public import LinuxSystem

/// The statistics of a screen without a compositor, since its viewer began.
public struct KMSStatistics: Hashable, Sendable {
  /// Frames handed to the display engine.
  public internal(set) var framesPresented = 0
  /// The time of the first frame; CLOCK_MONOTONIC.
  public internal(set) var firstPresentedAt: MonotonicInstant?
  /// The time of the last frame; CLOCK_MONOTONIC.
  public internal(set) var lastPresentedAt: MonotonicInstant?
  /// The path of the last frame's pixels to the screen; `nil` before the first frame.
  public internal(set) var path: PresentationPath?
  /// Buffers fetched by the source since it was made.
  public internal(set) var gets = 0
  /// Frames whose picture the CPU copied.
  public internal(set) var copies = 0
  /// Frames of which the display engine reads the guest's own buffer.
  public internal(set) var handovers = 0
  /// Guests' buffers that the display engine has accepted for this.
  public internal(set) var acceptedBuffers = 0
  /// Frames in which the guest showed another buffer than before.
  public internal(set) var newFrames = 0
  /// Frames whose page flip the kernel has reported.
  public internal(set) var framesShown = 0
  /// Shown frames that came a refresh or more after the one that they aimed at.
  public internal(set) var framesLate = 0
  /// Comparisons of a shown buffer's pixels with the earlier ones.
  public internal(set) var comparisons = 0
  /// The total time of the comparisons, in seconds.
  public internal(set) var comparisonSeconds = 0.0
  /// The monitor's refresh rate in Hz; `nil` before the first frame.
  public internal(set) var refreshRate: Double?
  /// The name of the card's driver.
  public internal(set) var driver: String
  /// Why the last frame was copied, in a sentence; `nil` when it was not.
  public internal(set) var copyReason: String?
  /// The frames' statistics; `nil` before the end.
  public internal(set) var frames: FrameMeasurement?

  init(driver: String) { self.driver = driver }

  /// The seconds from the first presented frame to the last; zero for fewer than two.
  public var seconds: Double {
    guard let firstPresentedAt, let lastPresentedAt else { return 0 }
    return lastPresentedAt.seconds(since: firstPresentedAt)
  }

  /// Frames per second: the number of intervals between presented frames, divided by `seconds`.
  /// Zero for fewer than two frames.
  public var framesPerSecond: Double {
    seconds > 0 ? Double(framesPresented - 1) / seconds : 0
  }

  mutating func presented(at now: MonotonicInstant) {
    framesPresented += 1
    if firstPresentedAt == nil { firstPresentedAt = now }
    lastPresentedAt = now
  }
}

extension KMSStatistics: Encodable {
  /// The keys of the statistics file, which are a window's too: docs/statistics.md describes each.
  private enum CodingKeys: String, CodingKey {
    case framesPresented, newFrames, framesShown, framesLate, framesDiscarded, feedback,
      refreshRate, comparisons, comparisonSeconds, changeDetection, seconds, framesPerSecond,
      path, imports, gets, copies, draws, handovers, compositorBuffers, inputEvents, renderer,
      backend, importRefusal, handoverRefusal, fallback, timing
  }

  /// Writes everything except the frames' time line, in the form of the statistics file. What only a
  /// window has is 0 or null.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(framesPresented, forKey: .framesPresented)
    try values.encode(newFrames, forKey: .newFrames)
    try values.encode(framesShown, forKey: .framesShown)
    try values.encode(framesLate, forKey: .framesLate)
    try values.encode(0, forKey: .framesDiscarded)
    try values.encode(
      framesPresented > 0 ? FeedbackSource.pageFlip : nil, forKey: .feedback)
    try values.encode(refreshRate, forKey: .refreshRate)
    try values.encode(comparisons, forKey: .comparisons)
    try values.encode(comparisonSeconds, forKey: .comparisonSeconds)
    try values.encode(
      comparisons > 0 ? ChangeDetection.cpu.rawValue : nil, forKey: .changeDetection)
    try values.encode(seconds, forKey: .seconds)
    try values.encode(framesPerSecond, forKey: .framesPerSecond)
    try values.encode(path?.rawValue, forKey: .path)
    try values.encode(0, forKey: .imports)
    try values.encode(gets, forKey: .gets)
    try values.encode(copies, forKey: .copies)
    try values.encode(copies, forKey: .draws)
    try values.encode(handovers, forKey: .handovers)
    try values.encode(acceptedBuffers, forKey: .compositorBuffers)
    try values.encode(0, forKey: .inputEvents)
    try values.encode(driver, forKey: .renderer)
    try values.encode("kms", forKey: .backend)
    try values.encode(String?.none, forKey: .importRefusal)
    try values.encode(copyReason, forKey: .handoverRefusal)
    try values.encode(String?.none, forKey: .fallback)
    try values.encode(frames?.report, forKey: .timing)
  }
}
