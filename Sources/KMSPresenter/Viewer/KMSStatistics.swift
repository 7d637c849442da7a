// SPDX-License-Identifier: Apache-2.0

public import EGLPresenter
public import FrameStatistics
public import LinuxSystem

/// The statistics of a screen without a compositor, since its viewer began.
public struct KMSStatistics: Hashable, Sendable {
  /// Frames handed to the display engine.
  public var framesPresented: Int { handed.count }
  /// The time of the first frame; CLOCK_MONOTONIC.
  public var firstPresentedAt: MonotonicInstant? { handed.first }
  /// The time of the last frame; CLOCK_MONOTONIC.
  public var lastPresentedAt: MonotonicInstant? { handed.last }
  var handed = HandedFrames()
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
  public var seconds: Double { handed.seconds }

  /// Frames per second: the number of intervals between presented frames, divided by `seconds`.
  /// Zero for fewer than two frames.
  public var framesPerSecond: Double { handed.perSecond }
}

extension KMSStatistics: Encodable {
  /// Writes everything except the frames' time line, in the form of the statistics file. What only a
  /// window has is 0 or null.
  public func encode(to encoder: any Encoder) throws {
    var file = StatisticsFile()
    file.handed = handed
    file.newFrames = newFrames
    file.framesShown = framesShown
    file.framesLate = framesLate
    file.feedback = framesPresented > 0 ? .pageFlip : nil
    file.refreshRate = refreshRate
    file.comparisons = comparisons
    file.comparisonSeconds = comparisonSeconds
    file.changeDetection = comparisons > 0 ? ChangeDetection.cpu.rawValue : nil
    file.path = path?.rawValue
    file.gets = gets
    file.copies = copies
    file.draws = copies
    file.handovers = handovers
    file.compositorBuffers = acceptedBuffers
    file.renderer = driver
    file.backend = "kms"
    file.handoverRefusal = copyReason
    file.timing = frames?.report
    try file.encode(to: encoder)
  }
}
