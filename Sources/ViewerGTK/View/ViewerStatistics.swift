// SPDX-License-Identifier: Apache-2.0

public import EGLPresenter
public import FrameStatistics
public import LinuxSystem

/// A view's statistics since it was made.
public struct ViewerStatistics: Hashable, Sendable {
  /// The view's window system.
  @nonexhaustive
  public enum Backend: String, Hashable, Sendable, Encodable {
    /// Wayland.
    case wayland
    /// X11.
    case x11
  }

  /// Frames handed to the display server: after eglSwapBuffers, or when cairo is about to draw.
  public internal(set) var framesPresented = 0
  /// The time of the first frame; CLOCK_MONOTONIC.
  public internal(set) var firstPresentedAt: MonotonicInstant?
  /// The time of the last frame; CLOCK_MONOTONIC.
  public internal(set) var lastPresentedAt: MonotonicInstant?
  /// The path of the last frame's pixels to the screen; `nil` before the first frame.
  public internal(set) var path: PresentationPath?
  /// Buffers imported.
  public internal(set) var imports = 0
  /// Buffers fetched by the source since it was made.
  public internal(set) var gets = 0
  /// Pictures and cursors that the CPU copied.
  public internal(set) var copies = 0
  /// Frames drawn.
  public internal(set) var draws = 0
  /// Frames that were not drawn, because their buffer was handed to the compositor.
  public internal(set) var handovers = 0
  /// Buffers that the compositor has accepted for this.
  public internal(set) var compositorBuffers = 0
  /// Frames in which the guest showed another buffer than before.
  public internal(set) var newFrames = 0
  /// Frames that the display server has reported as shown.
  public internal(set) var framesShown = 0
  /// Shown frames that came a refresh or more after the one that they aimed at.
  public internal(set) var framesLate = 0
  /// Frames that the display server did not show, because another one replaced them.
  public internal(set) var framesDiscarded = 0
  /// Comparisons of a shown buffer's pixels with the earlier ones. They are needed because the
  /// guest may draw into the shown buffer.
  public internal(set) var comparisons = 0
  /// The total time of the comparisons, in seconds.
  public internal(set) var comparisonSeconds = 0.0
  /// The way of comparing; `nil` before the first comparison.
  public internal(set) var changeDetection: ChangeDetection?
  /// The origin of the presentation times; `nil` before the first frame.
  public internal(set) var feedback: FeedbackSource?
  /// The monitor's refresh rate in Hz, from the feedback; `nil` when the feedback does not tell,
  /// and when the rate varies.
  public internal(set) var refreshRate: Double?
  /// Key strokes, clicks and motions that the guest got.
  public internal(set) var inputEvents = 0
  /// The renderer: GL_RENDERER, or `cairo`; `nil` before the first frame.
  public internal(set) var renderer: String?
  /// Which window system the view is on; `nil` before the first frame.
  public internal(set) var backend: Backend?
  /// Why buffers are copied instead of imported; `nil` while no import was refused.
  public internal(set) var importRefusal: GraphicsError?
  /// Why the last frame was drawn instead of handing its buffer to the compositor, in a sentence;
  /// `nil` when the buffer was handed over, on X11, and without EGL.
  public var handoverRefusal: String? { handoverObstacle.map { "\($0)" } }
  var handoverObstacle: HandoverObstacle?
  /// Why EGL is not used; `nil` while it is.
  public internal(set) var fallback: GraphicsError?

  /// The frames' statistics; `nil` before the end.
  public internal(set) var frames: FrameMeasurement?

  /// Nothing shown yet.
  public init() {}

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

  /// Writes everything except the frames' time line, in the form of the statistics file. Unknown
  /// values are null.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(framesPresented, forKey: .framesPresented)
    try values.encode(newFrames, forKey: .newFrames)
    try values.encode(framesShown, forKey: .framesShown)
    try values.encode(framesLate, forKey: .framesLate)
    try values.encode(framesDiscarded, forKey: .framesDiscarded)
    try values.encode(feedback, forKey: .feedback)
    try values.encode(refreshRate, forKey: .refreshRate)
    try values.encode(comparisons, forKey: .comparisons)
    try values.encode(comparisonSeconds, forKey: .comparisonSeconds)
    try values.encode(changeDetection?.rawValue, forKey: .changeDetection)
    try values.encode(seconds, forKey: .seconds)
    try values.encode(framesPerSecond, forKey: .framesPerSecond)
    try values.encode(path?.rawValue, forKey: .path)
    try values.encode(imports, forKey: .imports)
    try values.encode(gets, forKey: .gets)
    try values.encode(copies, forKey: .copies)
    try values.encode(draws, forKey: .draws)
    try values.encode(handovers, forKey: .handovers)
    try values.encode(compositorBuffers, forKey: .compositorBuffers)
    try values.encode(inputEvents, forKey: .inputEvents)
    try values.encode(renderer, forKey: .renderer)
    try values.encode(backend, forKey: .backend)
    try values.encode(importRefusal?.description, forKey: .importRefusal)
    try values.encode(handoverRefusal, forKey: .handoverRefusal)
    try values.encode(fallback?.description, forKey: .fallback)
    try values.encode(frames?.report, forKey: .timing)
  }
}
