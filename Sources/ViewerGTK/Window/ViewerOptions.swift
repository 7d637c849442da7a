// SPDX-License-Identifier: Apache-2.0

public import EGLPresenter
public import GuestAgent
public import GuestInput

/// A viewer's settings, and the conditions for its end.
public struct ViewerOptions: Sendable {
  /// The guest's name in the window's title; the source's own when `nil`.
  public var name: String?
  /// The rule that sizes the picture to the window.
  public var scaling: ScalingMode
  /// Whether the window begins on the whole screen.
  public var isFullscreen: Bool
  /// The number of presented frames after which the viewer ends.
  public var frames: Int?
  /// The time after which the viewer ends, whatever was presented.
  public var time: Duration?
  /// The time from the first presented frame to the viewer's end, exact to a quarter of a second.
  /// It does not include the start of the window and of the GL driver.
  public var timeOfFrames: Duration?
  /// Whether to copy every frame, even one that could be imported, for comparisons.
  public var alwaysUploads: Bool
  /// Whether the window begins with the statistics over the picture.
  public var showsStatistics = false
  /// Whether to hand the guest's own buffers to a compositor that takes them, instead of drawing
  /// them.
  public var handsOver = true
  /// The number of the last presentations that are kept for time lines, 48 bytes each, in three
  /// copies.
  public var presentations = 600

  /// The receiver of keyboard and mouse; `nil` for a window that only shows.
  public var input: (any InputSink)?
  /// The way to take the guest's screen back from another program; `nil` when there is none.
  public var takeBack: TakeBackOffer?
  /// Connects to the guest's agent, for clipboards, for files that are dropped on the window and for
  /// `agentSizing`; `nil` for none.
  public var agent: (any AgentConnector)?
  /// The ways that the clipboards' contents may take.
  public var clipboard = ClipboardSharing.both
  /// Called when the user has chosen other ways in the window's menu.
  public var onClipboard: (@MainActor @Sendable (ClipboardSharing) -> Void)?
  /// The sizes for which the agent is asked in place of `onMonitor`; `nil` for none.
  public var agentSizing: AgentSizing?
  /// The microphone that the guest may hear; `nil` when there is none. The window's title tells when it is
  /// on, and the menu turns it on and off.
  public var microphone: MicrophoneSwitch?
  /// Called once a second: whether the guest plays sound, which keeps the host awake; `nil` when nobody knows.
  public var isPlaying: (@MainActor @Sendable () -> Bool)?
  /// Called on the main thread when the user has given the window a size that differs from the
  /// guest's, unless the agent is asked for it.
  public var onMonitor: (@MainActor @Sendable (MonitorWish) -> Void)?
  /// The question before the window closes.
  public var closeQuestion: CloseQuestion?
  /// Called four times a second: whether the guest has ended and no picture can come any more.
  public var isOver: (@MainActor @Sendable () -> Bool)?

  /// Makes options for a window of the guest's size that stays until it is closed.
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

/// A microphone to be turned on and off.
public struct MicrophoneSwitch: Sendable {
  let isOn: @MainActor @Sendable () -> Bool
  let turn: @MainActor @Sendable (Bool) -> Void

  /// Makes a switch of two functions, which must not wait.
  ///
  /// - Parameters:
  ///   - isOn: whether the guest hears the microphone now.
  ///   - turn: turns it on or off.
  public init(
    isOn: @escaping @MainActor @Sendable () -> Bool,
    turn: @escaping @MainActor @Sendable (Bool) -> Void
  ) {
    self.isOn = isOn
    self.turn = turn
  }
}
