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
  /// Called when the user has chosen another rule in the window's menu.
  public var onScaling: (@MainActor @Sendable (ScalingMode) -> Void)?
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
  public var microphone: SoundSwitch?
  /// Whether the guest is heard, which the menu turns on and off; `nil` when it has no sound.
  public var speaker: SoundSwitch?
  /// The program's version, for the window that the menu opens about it.
  public var version: String?
  /// Whether the guest plays sound, which keeps the host awake; `nil` when nobody knows.
  public var sound: SoundActivity?
  /// Called on the main thread when the user has given the window a size that differs from the
  /// guest's, unless the agent is asked for it.
  public var onMonitor: (@MainActor @Sendable (MonitorWish) -> Void)?
  /// The question before the window closes.
  public var closeQuestion: CloseQuestion?
  /// Waits until the guest has ended and no picture can come any more; the viewer ends then. Cancelled when
  /// the viewer ends before.
  public var untilEnd: (@Sendable () async -> Void)?
  /// Called four times a second, for a program that shows how far it is.
  public var onProgress: (@MainActor @Sendable () -> Void)?

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

/// Whether a guest plays sound.
public struct SoundActivity: Sendable {
  let isPlaying: @MainActor @Sendable () -> Bool
  let changes: @Sendable () -> AsyncStream<Void>

  /// - Parameters:
  ///   - isPlaying: whether it plays now. It must not wait.
  ///   - changes: tells when it may have begun. A window asks `isPlaying` then, and once a second while
  ///     something goes on.
  public init(
    isPlaying: @escaping @MainActor @Sendable () -> Bool,
    changes: @escaping @Sendable () -> AsyncStream<Void>
  ) {
    self.isPlaying = isPlaying
    self.changes = changes
  }
}

/// The earlier name of `SoundSwitch`.
@available(*, deprecated, renamed: "SoundSwitch")
public typealias MicrophoneSwitch = SoundSwitch

/// A microphone or the guest's sound, to be turned on and off.
public struct SoundSwitch: Sendable {
  let isOn: @MainActor @Sendable () -> Bool
  let turn: @MainActor @Sendable (Bool) -> Void

  /// Makes a switch of two functions, which must not wait.
  ///
  /// - Parameters:
  ///   - isOn: whether it is on now.
  ///   - turn: turns it on or off.
  public init(
    isOn: @escaping @MainActor @Sendable () -> Bool,
    turn: @escaping @MainActor @Sendable (Bool) -> Void
  ) {
    self.isOn = isOn
    self.turn = turn
  }
}
