// SPDX-License-Identifier: Apache-2.0

public import EGLPresenter
public import FrameStatistics
public import LinuxSystem

/// What a view has shown since it was made.
public struct ViewerStatistics: Hashable, Sendable {
  /// Which window system the view is on.
  @nonexhaustive
  public enum Backend: String, Hashable, Sendable, Encodable {
    /// Wayland.
    case wayland
    /// X11.
    case x11
  }

  /// Frames handed to the display server: after eglSwapBuffers, or when cairo is about to draw.
  public internal(set) var framesPresented = 0
  /// When the first of them was; CLOCK_MONOTONIC.
  public internal(set) var firstPresentedAt: MonotonicInstant?
  /// When the last of them was; CLOCK_MONOTONIC.
  public internal(set) var lastPresentedAt: MonotonicInstant?
  /// How the pixels of the last frame got onto the screen; `nil` before the first.
  public internal(set) var path: PresentationPath?
  /// Buffers imported.
  public internal(set) var imports = 0
  /// Buffers fetched by the source since it was made.
  public internal(set) var gets = 0
  /// Pictures and cursors that the CPU copied.
  public internal(set) var copies = 0
  /// Frames drawn.
  public internal(set) var draws = 0
  /// Frames whose buffer was handed to the compositor instead of being drawn.
  public internal(set) var handovers = 0
  /// Buffers that the compositor has taken for that.
  public internal(set) var compositorBuffers = 0
  /// Frames in which the guest showed another buffer than before.
  public internal(set) var newFrames = 0
  /// Frames of which the display server has said that they were shown.
  public internal(set) var framesShown = 0
  /// Of those, frames that were shown a refresh or more after the one that they aimed at.
  public internal(set) var framesLate = 0
  /// Frames that the display server did not show, because another one came before.
  public internal(set) var framesDiscarded = 0
  /// Times that the pixels of a buffer that was shown already were compared with those before, because
  /// the guest may draw into the buffer that it shows.
  public internal(set) var comparisons = 0
  /// What that took altogether, in seconds.
  public internal(set) var comparisonSeconds = 0.0
  /// How they are compared; `nil` as long as they were not.
  public internal(set) var changeDetection: ChangeDetection?
  /// What tells when frames were shown; `nil` before the first frame.
  public internal(set) var feedback: FeedbackSource?
  /// How often the monitor refreshes in Hz, as the feedback tells; `nil` where it does not, and
  /// where the rate varies.
  public internal(set) var refreshRate: Double?
  /// Key strokes, clicks and motions that were passed on to the guest.
  public internal(set) var inputEvents = 0
  /// Who draws: GL_RENDERER, or `cairo`; `nil` before the first frame.
  public internal(set) var renderer: String?
  /// Which window system the view is on; `nil` before the first frame.
  public internal(set) var backend: Backend?
  /// Why buffers are copied instead of imported; `nil` as long as none was refused.
  public internal(set) var importRefusal: GraphicsError?
  /// Why the last frame was drawn, instead of its buffer handed to the compositor, in a sentence;
  /// `nil` where it was handed over, and on X11 and without EGL.
  public var handoverRefusal: String? { handoverObstacle.map { "\($0)" } }
  var handoverObstacle: HandoverObstacle?
  /// Why there is no EGL; `nil` as long as there is.
  public internal(set) var fallback: GraphicsError?

  /// What became of each frame, in numbers; `nil` before the end.
  public internal(set) var frames: FrameMeasurement?

  /// Nothing shown yet.
  public init() {}

  /// The seconds from the first presented frame to the last; zero for fewer than two.
  public var seconds: Double {
    guard let firstPresentedAt, let lastPresentedAt else { return 0 }
    return lastPresentedAt.seconds(since: firstPresentedAt)
  }

  /// Frames per second over `seconds`: the intervals between presented frames, of which there is
  /// one fewer than frames. Zero for fewer than two frames.
  public var framesPerSecond: Double {
    seconds > 0 ? Double(framesPresented - 1) / seconds : 0
  }

  mutating func presented(at now: MonotonicInstant) {
    framesPresented += 1
    if firstPresentedAt == nil { firstPresentedAt = now }
    lastPresentedAt = now
  }
}

extension ViewerStatistics: Encodable {
  /// The keys of the statistics file: docs/statistics.md describes each. Keys are added, never renamed
  /// or removed.
  private enum CodingKeys: String, CodingKey {
    case framesPresented, newFrames, framesShown, framesLate, framesDiscarded, feedback,
      refreshRate,
      comparisons, comparisonSeconds, changeDetection, seconds, framesPerSecond, path, imports,
      gets,
      copies, draws, handovers, compositorBuffers, inputEvents, renderer, backend, importRefusal,
      handoverRefusal, fallback, timing
  }

  /// Writes all of it but the frames' time line, as the statistics file has it; what is not known is
  /// left out.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(framesPresented, forKey: .framesPresented)
    try values.encode(newFrames, forKey: .newFrames)
    try values.encode(framesShown, forKey: .framesShown)
    try values.encode(framesLate, forKey: .framesLate)
    try values.encode(framesDiscarded, forKey: .framesDiscarded)
    try values.encodeIfPresent(feedback, forKey: .feedback)
    try values.encodeIfPresent(refreshRate, forKey: .refreshRate)
    try values.encode(comparisons, forKey: .comparisons)
    try values.encode(comparisonSeconds, forKey: .comparisonSeconds)
    try values.encodeIfPresent(changeDetection?.rawValue, forKey: .changeDetection)
    try values.encode(seconds, forKey: .seconds)
    try values.encode(framesPerSecond, forKey: .framesPerSecond)
    try values.encodeIfPresent(path?.rawValue, forKey: .path)
    try values.encode(imports, forKey: .imports)
    try values.encode(gets, forKey: .gets)
    try values.encode(copies, forKey: .copies)
    try values.encode(draws, forKey: .draws)
    try values.encode(handovers, forKey: .handovers)
    try values.encode(compositorBuffers, forKey: .compositorBuffers)
    try values.encode(inputEvents, forKey: .inputEvents)
    try values.encodeIfPresent(renderer, forKey: .renderer)
    try values.encodeIfPresent(backend, forKey: .backend)
    try values.encodeIfPresent(importRefusal?.description, forKey: .importRefusal)
    try values.encodeIfPresent(handoverRefusal, forKey: .handoverRefusal)
    try values.encodeIfPresent(fallback?.description, forKey: .fallback)
    try values.encodeIfPresent(frames?.report, forKey: .timing)
  }
}
