// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter
import GuestAgent
import GuestInput
public import LinuxSystem
import PNGFile
import SafeText
import SystemPackage
public import VGPUDisplay

/// A toplevel window with a guest's screen. Its title tells the guest's name and the frame rate,
/// and the line below tells about keyboard and mouse. The window has the guest's size until the user
/// gives it another one.
///
/// Ctrl+Alt+F switches to the whole screen and back, Ctrl+Alt+G grabs keyboard and mouse for the
/// guest and gives them back, Ctrl+Alt+M opens the menu, Ctrl+Alt+P saves the picture, Ctrl+Alt+S
/// shows the statistics. While the guest does not get the keyboard, F11 works like Ctrl+Alt+F and
/// F8 like Ctrl+Alt+S.
///
/// Keep the object as long as you want to show the window; the user may close it earlier.
@MainActor
public final class ViewerWindow {
  /// The guest's screen.
  public let view: GuestView
  /// Called once, when the window is gone.
  public var onClose: (@MainActor () -> Void)?
  /// Called when the user has given the window a size that differs from the guest's, unless the guest's
  /// agent is asked for it (`ViewerOptions.agentSizing`).
  public var onMonitor: (@MainActor (MonitorWish) -> Void)?
  /// The question before the window closes; with `nil` it closes at once.
  public var closeQuestion: CloseQuestion?
  /// A text below the title that precedes every other one.
  public var status: String? {
    didSet { refresh() }
  }

  private let name: String
  private var window: UnsafeMutablePointer<GtkWidget>?
  private var bar: TitleBar?
  private var menu: WindowMenu?
  private var dialog: CloseDialog?
  private var agent: WindowAgent?
  private var pointer: AgentPointer?
  private let follower = AreaFollower()
  private var statistics: StatisticsOverlay?
  /// A text about the last action, shown for a while.
  private var notice: (text: String, timer: Timer)?
  private let microphone: SoundSwitch?
  private let speaker: SoundSwitch?
  private let version: String?
  /// The ways of the clipboards' contents; `nil` for a guest whose clipboards cannot be reached.
  private var sharing: ClipboardSharing?
  private let onScaling: (@MainActor @Sendable (ScalingMode) -> Void)?
  private let onClipboard: (@MainActor @Sendable (ClipboardSharing) -> Void)?
  private let sound: SoundActivity?
  private var soundNews: Task<Void, Never>?
  private var watched = WatchedGuest()
  private var inhibitor: IdleInhibitor?
  private var beat: WindowBeat?
  private var shownTitle: String?
  private var titled = (frames: 0, at: MonotonicInstant.now)
  private var rate: Int?
  /// Whether the window is on the whole screen, or shall be.
  var isFullscreen: Bool
  private var hasGuestSize = false
  /// Whether the window's size is the user's choice, or the window manager's.
  private var isSizedByUser = false

  /// Milliseconds.
  private static let noticeTime = 8000

  /// Makes the window and shows it. Call gtk_init before.
  ///
  /// - Parameters:
  ///   - source: the frame source. It is looked at once, for the window's size, and then on the
  ///     view's own thread.
  ///   - options: the window's settings.
  /// - Throws: `SystemCallError` when that thread cannot be made.
  public init(
    source: sending any FrameSource, options: ViewerOptions = ViewerOptions()
  ) throws(SystemCallError) {
    name = options.name ?? source.name
    isFullscreen = options.isFullscreen
    var firstSize: PixelSize?
    if case .frame(let frame) = source.poll() { firstSize = frame.primary.size }
    view = try GuestView(
      source: source, scaling: options.scaling, alwaysUploads: options.alwaysUploads,
      handsOver: options.handsOver, presentations: options.presentations)
    view.input = options.input
    view.takeBack = options.takeBack
    microphone = options.microphone
    speaker = options.speaker
    version = options.version
    onScaling = options.onScaling
    onClipboard = options.onClipboard
    sound = options.sound
    onMonitor = options.onMonitor
    closeQuestion = options.closeQuestion
    guard let window = gtk_window_new(GTK_WINDOW_TOPLEVEL) else { return }
    self.window = window
    inhibitor = IdleInhibitor(
      of: window, because: PlainText.line(translated("%1$s is watched", name), limit: 256))
    sharing = options.agent == nil ? nil : options.clipboard
    let menu = makeMenu(of: window)
    let bar = TitleBar(menu: menu)
    self.menu = menu
    self.bar = bar
    gtk_window_set_titlebar(vgpu_gtk_window(window), bar.widget)
    gtk_container_add(vgpu_gtk_container(window), view.widget)
    connectSignals(of: window)
    gtk_window_set_default_size(vgpu_gtk_window(window), 1024, 768)
    if let firstSize { adopt(firstSize) }
    view.onResize = { [unowned self] size in
      adopt(size)
      pointTo(size)
    }
    // The window was made for GTK's whole scale; the screen's is known when it shows something.
    view.onScale = { [unowned self] in if let guest = view.placement?.guest { adopt(guest) } }
    view.onArea = { [unowned self] size in follower.changed(to: size) }
    view.onGrab = { [unowned self] in refresh() }
    view.onNews = { [unowned self] in beat?.wake() }
    view.onInputState = { [unowned self] in refresh() }
    follower.onRest = { [unowned self] size in wish(size) }
    if let connector = options.agent { join(connector, options) }
    beat = WindowBeat(
      begin: { [unowned self] in titled = (view.statistics.framesPresented, .now) },
      look: { [unowned self] in look() }, rest: { [view] in view.awaitMotion() })
    if let sound {
      soundNews = Task { [weak self] in for await _ in sound.changes() { self?.refresh() } }
    }
    refresh()
    if isFullscreen { gtk_window_fullscreen(vgpu_gtk_window(window)) }
    if options.showsStatistics { toggleStatistics() }
    gtk_widget_show_all(window)
    gtk_widget_grab_focus(view.widget)
  }

  isolated deinit {
    close()
  }

  /// Closes the window (gtk_widget_destroy), unless the user has closed it.
  public func close() {
    if let window { gtk_widget_destroy(window) }
  }

  /// Works like the window's close button: asks the question, if there is one. A second call during
  /// the question closes the window.
  public func requestClose() {
    guard let closeQuestion, let window, dialog == nil else {
      close()
      return
    }
    view.releaseKeys()
    dialog = CloseDialog(closeQuestion, before: window) { [unowned self] answer in
      dialog = nil
      switch answer?.action() {
      case .close: close()
      case .stay(let status): self.status = status
      case nil: break
      }
    }
  }

  func destroyed() {
    // Before the agent goes, which may hold a button.
    view.releaseKeys()
    menu = nil
    agent?.end()
    agent = nil
    inhibitor = nil
    beat = nil
    soundNews?.cancel()
    statistics = nil
    notice = nil
    dialog = nil
    window = nil
    onClose?()
    onClose = nil
  }

  // MARK: Size

  /// The guest's size becomes the window's, as far as the monitor allows. In a window whose size is the
  /// user's choice the picture is scaled.
  private func adopt(_ guest: PixelSize) {
    guard let window, !isSizedByUser else { return }
    let isWhole = isFullscreen || gtk_window_is_maximized(vgpu_gtk_window(window)) != 0
    guard !hasGuestSize || !isWhole else { return }
    hasGuestSize = true
    let scale = view.scale
    // Some units more than the picture needs, because the view begins and ends at whole device pixels.
    let room = 2 * (scale.unit - 1)
    var width = scale.units(covering: max(1, guest.width)) + room
    var height = scale.units(covering: max(1, guest.height)) + room
    if var limit = workArea(window) {
      // The title bar is in the window, too.
      var barHeight: gint = 0
      if let bar { gtk_widget_get_preferred_height(bar.widget, nil, &barHeight) }
      limit.height = max(1, limit.height - Int(barHeight))
      if width > limit.width || height > limit.height {
        let fitted = Placement(guest: guest, area: limit, mode: .fit).picture
        (width, height) = (fitted.width, fitted.height)
      }
    }
    // On the whole screen the view has no title bar: a guest of the screen's size fits already.
    follower.expect(
      isWhole ? guest : PixelSize(width: scale.pixels(width), height: scale.pixels(height)),
      tolerance: scale.slack, isAskedFor: !isWhole)
    gtk_window_resize(vgpu_gtk_window(window), gint(width), gint(height))
  }

  private func workArea(_ window: UnsafeMutablePointer<GtkWidget>) -> PixelSize? {
    guard let display = gtk_widget_get_display(window),
      // Wayland has no primary monitor.
      let monitor = gdk_display_get_primary_monitor(display) ?? gdk_display_get_monitor(display, 0)
    else { return nil }
    var area = GdkRectangle()
    gdk_monitor_get_workarea(monitor, &area)
    guard area.width > 0, area.height > 0 else { return nil }
    return PixelSize(width: Int(area.width), height: Int(area.height))
  }

  private func wish(_ size: PixelSize) {
    guard window != nil else { return }
    isSizedByUser = true
    if agent?.follow(size) == true { return }
    onMonitor?(MonitorWish(size: size, refreshRate: view.refreshRate))
  }

  // MARK: The guest's agent

  private func join(_ connector: any AgentConnector, _ options: ViewerOptions) {
    do throws(AgentError) {
      let agent = try WindowAgent(
        connector, sharing: options.clipboard, sizing: options.agentSizing, on: view.widget)
      agent.activities.onChange = { [unowned self] in refresh() }
      agent.onEvent = { [unowned self] in beat?.wake() }
      agent.onNotice = { [unowned self] line in say(line) }
      self.agent = agent
      if let input = options.input {
        let pointer = agent.pointer(input)
        self.pointer = pointer
        view.input = pointer
        pointTo(view.placement?.guest)
      }
      followFocus()
    } catch {
      say(translated("No clipboard: %1$s", "\(error)"))
    }
  }

  /// The agent counts the pointer's place in the guest's pixels.
  private func pointTo(_ size: PixelSize?) {
    pointer?.size = size.map { ($0.width, $0.height) }
  }

  private func share(_ sharing: ClipboardSharing) {
    guard let agent else { return }
    agent.sharing = sharing
    self.sharing = sharing
    onClipboard?(sharing)
  }

  func followFocus() {
    guard let window else { return }
    agent?.hasFocus = gtk_window_is_active(vgpu_gtk_window(window)) != 0
  }

  /// Cancels what is on its way to or from the guest.
  ///
  /// - Returns: whether there was something.
  func cancelActivity() -> Bool { agent?.activities.cancel() == true }

  /// Does what is due once a second.
  ///
  /// - Returns: whether anything goes on.
  private func look() -> Bool {
    let hasMoved = measure()
    agent?.look()
    inhibitor?.isOn = watched.look(
      presented: view.statistics.framesPresented, isFullscreen: isFullscreen,
      isPlaying: sound?.isPlaying() == true)
    updateTitle()
    return hasMoved || !watched.isAtRest || agent?.waits == true
  }

  /// Something has changed that the window tells of.
  private func refresh() {
    updateTitle()
    beat?.wake()
  }

  // MARK: Title

  /// - Returns: whether the picture has moved.
  private func measure() -> Bool {
    let now = MonotonicInstant.now
    let frames = view.statistics.framesPresented
    let seconds = now.seconds(since: titled.at)
    rate =
      view.placement != nil && seconds > 0
      ? Int((Double(frames - titled.frames) / seconds).rounded()) : nil
    defer { titled = (frames, now) }
    return frames != titled.frames
  }

  /// Such as `laptop — 60 fps — 150 % — swift-vgpu`.
  private func updateTitle() {
    guard let window else { return }
    var parts = [name]
    // The rate of a picture at rest says nothing, so it is left out.
    if let rate, rate > 0 { parts.append(translated("%1$s fps", "\(rate)")) }
    if let placement = view.placement, !placement.isOneToOne {
      parts.append(translated("%1$s %", "\(Int((placement.scale * 100).rounded()))"))
    }
    if case .viewOnly = view.input?.state { parts.append(translated("view only")) }
    if speaker?.isOn() == false { parts.append(translated("sound off")) }
    if microphone?.isOn() == true { parts.append(translated("microphone on")) }
    parts.append("swift-vgpu")
    let title = PlainText.line(parts.joined(separator: " — "), limit: 256)
    if title != shownTitle { gtk_window_set_title(vgpu_gtk_window(window), title) }
    shownTitle = title
    bar?.show(title: title, subtitle: subtitle)
    menu?.changed()
  }

  private var isTyping: Bool {
    if case .ready = view.input?.state { true } else { false }
  }

  private var subtitle: String {
    if let line = agent?.activities.line { return line }
    if let notice { return notice.text }
    if let status { return status }
    if view.isGrabbed {
      return translated("Keyboard and mouse are the guest's: Ctrl+Alt+G gives them back")
    }
    if view.takeBack?.isDue() == true {
      return translated(
        "Another program has the guest's display. Press Enter to take the display back.")
    }
    switch view.input?.state {
    case .viewOnly(let reason): return translated("View only: %1$s", reason)
    case .ready(let devices) where !devices.contains(.tablet):
      return translated("Click to give the mouse to the guest")
    case .ready, nil: return ""
    }
  }

  // MARK: Shortcuts

  private func makeMenu(of window: UnsafeMutablePointer<GtkWidget>) -> WindowMenu? {
    WindowMenu(
      of: window,
      does: WindowMenu.Actions(
        press: { [unowned self] chord in view.press(chord.keys) },
        grab: { [unowned self] in view.toggleGrab() },
        fullscreen: { [unowned self] in toggleFullscreen() },
        picture: { [unowned self] in savePicture() },
        statistics: { [unowned self] in toggleStatistics() },
        sound: { [unowned self] isOn in turn(speaker, isOn) },
        microphone: { [unowned self] isOn in turn(microphone, isOn) },
        scale: { [unowned self] mode in
          view.scaling = mode
          onScaling?(mode)
        },
        clipboard: { [unowned self] sharing in share(sharing) },
        shortcuts: { [unowned self] in
          if let window = self.window { ShortcutsWindow.open(before: window) }
        },
        about: { [unowned self] in
          if let window = self.window { AboutWindow.open(before: window, version: version) }
        })
    ) { [unowned self] in
      WindowMenu.State(
        canSendKeys: isTyping, isFullscreen: isFullscreen, showsStatistics: statistics != nil,
        isHeard: speaker?.isOn(), hearsMicrophone: microphone?.isOn(), scaling: view.scaling,
        sharing: sharing)
    }
  }

  private func turn(_ sound: SoundSwitch?, _ isOn: Bool) {
    sound?.turn(isOn)
    refresh()
  }

  private func toggleFullscreen() {
    guard let window else { return }
    isFullscreen.toggle()
    if isFullscreen {
      gtk_window_fullscreen(vgpu_gtk_window(window))
    } else {
      gtk_window_unfullscreen(vgpu_gtk_window(window))
    }
  }

  private func toggleStatistics() {
    statistics = statistics == nil ? StatisticsOverlay(over: view) : nil
  }

  /// Saves the guest's picture, and shows the file's path below the title for some seconds.
  private func savePicture() {
    let text: String
    do {
      let path = try PictureFile.save(try view.picture(), of: name, in: Self.pictureFolders)
      text = translated("Saved %1$s", "\(path)")
    } catch {
      text = translated("Not saved: %1$s", "\(error)")
    }
    say(text)
  }

  /// Shows a line below the title for some seconds.
  private func say(_ text: String) {
    let timer = Timer(milliseconds: Self.noticeTime) { [unowned self] in
      notice = nil
      updateTitle()
    }
    notice = (text, timer)
    updateTitle()
  }

  /// The user's folder for pictures, else the home, else the folder that the program runs in.
  private static var pictureFolders: [FilePath] {
    [
      g_get_user_special_dir(G_USER_DIRECTORY_PICTURES).map { FilePath(platformString: $0) },
      g_get_home_dir().map { FilePath(platformString: $0) }, ".",
    ].compactMap { $0 }
  }

  /// Carries out one of the window's own shortcuts. The guest has got the presses of Ctrl and Alt
  /// and must get their releases, which the window may not see.
  func perform(_ shortcut: WindowShortcut) {
    view.releaseKeys()
    switch shortcut {
    case .fullscreen: toggleFullscreen()
    case .grab: view.toggleGrab()
    case .menu: menu?.open(over: view.widget)
    case .picture: savePicture()
    case .statistics: toggleStatistics()
    }
  }

  func shortcut(key: guint, code: UInt32, state: guint) -> WindowShortcut? {
    WindowShortcut(key: key, code: code, state: state, isTyping: isTyping)
  }
}
