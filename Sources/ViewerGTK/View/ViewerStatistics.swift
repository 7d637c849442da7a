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
  public var framesPresented: Int { handed.count }
  /// The time of the first frame; CLOCK_MONOTONIC.
  public var firstPresentedAt: MonotonicInstant? { handed.first }
  /// The time of the last frame; CLOCK_MONOTONIC.
  public var lastPresentedAt: MonotonicInstant? { handed.last }
  var handed = HandedFrames()
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
  public var seconds: Double { handed.seconds }

  /// Frames per second: the number of intervals between presented frames, divided by `seconds`.
  /// Zero for fewer than two frames.
  public var framesPerSecond: Double { handed.perSecond }
}

extension ViewerStatistics: Encodable {
  /// Writes everything except the frames' time line, in the form of the statistics file. Unknown
  /// values are null.
  public func encode(to encoder: any Encoder) throws {
    var file = StatisticsFile()
    file.handed = handed
    file.newFrames = newFrames
    file.framesShown = framesShown
    file.framesLate = framesLate
    file.framesDiscarded = framesDiscarded
    file.feedback = feedback
    file.refreshRate = refreshRate
    file.comparisons = comparisons
    file.comparisonSeconds = comparisonSeconds
    file.changeDetection = changeDetection?.rawValue
    file.path = path?.rawValue
    file.imports = imports
    file.gets = gets
    file.copies = copies
    file.draws = draws
    file.handovers = handovers
    file.compositorBuffers = compositorBuffers
    file.inputEvents = inputEvents
    file.renderer = renderer
    file.backend = backend?.rawValue
    file.importRefusal = importRefusal?.description
    file.handoverRefusal = handoverRefusal
    file.fallback = fallback?.description
    file.timing = frames?.report
    try file.encode(to: encoder)
  }
}
