// SPDX-License-Identifier: Apache-2.0

public import EGLPresenter
public import GuestInput

/// How a viewer shows a guest, and when it ends by itself.
public struct ViewerOptions: Sendable {
  /// The guest's name in the window's title; the source's own when `nil`.
  public var name: String?
  /// How the picture is sized to the window.
  public var scaling: ScalingMode
  /// Begins on the whole screen.
  public var isFullscreen: Bool
  /// Ends after this many presented frames.
  public var frames: Int?
  /// Ends after this time, whatever was presented.
  public var time: Duration?
  /// Ends so long after the first frame was presented, to a quarter of a second. The start of the window
  /// and of the GL driver is not in it.
  public var timeOfFrames: Duration?
  /// Copies every frame even where it could be imported: for comparisons.
  public var alwaysUploads: Bool
  /// Begins with the statistics over the picture.
  public var showsStatistics = false
  /// Hands the guest's own buffers to a compositor that takes them, instead of drawing them.
  public var handsOver = true
  /// How many of the last presentations are kept for time lines, 48 bytes each and three times over.
  public var presentations = 600

  /// Where keyboard and mouse go; `nil` for a window that only shows.
  public var input: (any InputSink)?
  /// Called on the main thread when the user has given the window another size than the guest's.
  public var onMonitor: (@MainActor @Sendable (MonitorWish) -> Void)?
  /// What is asked before the window closes.
  public var closeQuestion: CloseQuestion?
  /// Asked four times a second: whether there is nothing to show any more, and never will be.
  public var isOver: (@MainActor @Sendable () -> Bool)?

  /// A window of the guest's size that stays until it is closed.
  public init(
    name: String? = nil, scaling: ScalingMode = .fit, isFullscreen: Bool = false,
    frames: Int? = nil, time: Duration? = nil, alwaysUploads: Bool = false
  ) {
    self.name = name
    self.scaling = scaling
    self.isFullscreen = isFullscreen
    self.frames = frames
    self.time = time
    self.alwaysUploads = alwaysUploads
  }
}
