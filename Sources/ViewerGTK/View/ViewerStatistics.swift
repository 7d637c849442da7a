// SPDX-License-Identifier: Apache-2.0

public import EGLPresenter
public import FrameStatistics
public import LinuxSystem

/// What a view has shown since it was made.
public struct ViewerStatistics: Hashable, Sendable {
  /// Which window system the view is on.
  public enum Backend: String, Hashable, Sendable {
    /// Wayland.
    case wayland
    /// X11.
    case x11
  }

  /// Frames handed to the display server: after eglSwapBuffers, or after cairo has drawn. Each was
  /// asked for by the compositor or the frame clock; whether it reached the glass is not known.
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
  /// Key strokes, clicks and motions that were passed on to the guest.
  public internal(set) var inputEvents = 0
  /// Who draws: GL_RENDERER, or `cairo`; `nil` before the first frame.
  public internal(set) var renderer: String?
  /// Which window system the view is on; `nil` before the first frame.
  public internal(set) var backend: Backend?
  /// Why buffers are copied instead of imported; `nil` as long as none was refused.
  public internal(set) var importRefusal: GraphicsError?
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
