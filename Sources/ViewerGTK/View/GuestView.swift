// SPDX-License-Identifier: Apache-2.0

public import CGTK3
public import EGLPresenter
public import FrameStatistics
public import GuestInput
public import LinuxSystem
public import VGPUDisplay

/// A widget that shows a guest's screen, for any container of any GTK 3 program.
///
/// It draws on a surface of its own above the widget: a `wl_subsurface` on Wayland, a native child
/// window on X11. The surface follows the widget, and its ancestors cut it off, as they do with the
/// widget. While another widget lies over the picture, or a container moves it in a transition, GTK
/// draws the picture. <doc:FollowingTheWidget> tells how, and what it cannot see.
///
/// The widget's natural size is the guest's, so that it scrolls in a GtkScrolledWindow.
///
/// With an `input` the guest gets the keys that are typed while the widget has the focus, and the
/// mouse's actions over the widget. The widget's own handlers take the keys, so a window with
/// shortcuts of its own gets the keys first.
///
/// The widget owns the view: it lives until the widget is destroyed. All of it belongs to GTK's
/// thread, the main one. A thread of the view's own looks at the guest and draws; only that thread
/// uses the frame source. On X11 with libX11 before 1.8 call XInitThreads before gtk_init.
@MainActor
public final class GuestView {
  /// The widget, a `GtkDrawingArea`. Put it into a container, which then owns it. Destroy a widget
  /// that never gets into a container (gtk_widget_destroy). When the view was given a widget, it is
  /// that one.
  public let widget: UnsafeMutablePointer<GtkWidget>
  /// The rule that sizes the picture to the widget.
  public var scaling: ScalingMode {
    didSet { link.order { [scaling] in $0.scaling = scaling } }
  }
  /// The number of frames to present before `onFinish` is called; `nil` for no end.
  public var frameLimit: Int? {
    didSet { link.order { [frameLimit] in $0.frameLimit = frameLimit ?? .max } }
  }
  /// Called when `frameLimit` frames have been presented.
  public var onFinish: (@MainActor () -> Void)?
  /// Called with the size of the guest's first picture, and whenever the size changes, in the
  /// guest's pixels.
  public var onResize: (@MainActor (PixelSize) -> Void)?
  /// Called when a picture replaces a message, or when a message appears or changes. See `message`.
  public var onContent: (@MainActor () -> Void)?
  /// Called when a grab of keyboard and mouse begins or ends.
  public var onGrab: (@MainActor () -> Void)? {
    get { pointerAndKeys.onGrab }
    set { pointerAndKeys.onGrab = newValue }
  }
  /// Called when the widget's size has changed, in device pixels.
  public var onArea: (@MainActor (PixelSize) -> Void)?
  /// The place of the last drawn picture, in device pixels of the widget; `nil` while there is no
  /// picture.
  public private(set) var placement: Placement?
  /// A picture that is laid over the guest's picture; `nil` for none.
  public var overlay: Overlay? {
    didSet { link.order { [overlay] in $0.overlay = .some(overlay) } }
  }
  /// The message in place of a picture; `nil` while there is a picture, and before the first look.
  public private(set) var message: ViewMessage?

  /// The frames' statistics, for any thread.
  public let reporter: FrameReporter

  private let pointerAndKeys: ViewInput
  private let pointer: HostPointer
  /// The widget's size in device pixels; `nil` before it was on the screen.
  package private(set) var area: PixelSize?
  private let link: RenderLink
  private var thread: SystemThread?
  private let stage: PictureStage
  private let request: SizeRequest
  private let ownsWidget: Bool
  private var inputNews: Task<Void, Never>?
  private var hasContent = false
  private var hasEnded = false

  /// Makes the widget, or draws in an existing one. Call gtk_init before.
  ///
  /// - Parameters:
  ///   - source: the frame source. A thread of the view's own looks at it just before each refresh
  ///     of the monitor while the widget is mapped.
  ///   - scaling: the rule that sizes the picture to the widget.
  ///   - alwaysUploads: copies every frame even where it could be imported.
  ///   - handsOver: hands the guest's own buffers to a compositor that takes them. The compositor
  ///     then reads them whenever it composes, as a monitor would. When false, frames are drawn.
  ///     Copied frames are never handed over.
  ///   - presentations: the number of the last presentations that are kept for time lines.
  ///   - widget: another owner's `GtkDrawingArea` to draw in; `nil` for one of the view's own. The
  ///     view does not keep it alive: do not use the view after the widget's end. `end` gives the
  ///     widget up earlier.
  /// - Throws: `SystemCallError` when that thread cannot be made.
  public init(
    source: sending any FrameSource, scaling: ScalingMode = .fit, alwaysUploads: Bool = false,
    handsOver: Bool = true, presentations: Int = 600,
    in widget: UnsafeMutablePointer<GtkWidget>? = nil
  ) throws(SystemCallError) {
    MainQueue.attach()
    link = try RenderLink()
    let recorder = FrameRecorder(capacity: presentations)
    reporter = recorder.reporter
    thread = try RenderLoop.start(source, scaling, link, recorder)
    self.scaling = scaling
    ownsWidget = widget == nil
    let widget = widget ?? Self.makeWidget()
    self.widget = widget
    stage = PictureStage(widget, link, alwaysUploads: alwaysUploads, handsOver: handsOver)
    request = SizeRequest(widget)
    pointerAndKeys = ViewInput(widget)
    pointer = HostPointer(widget)
    // The widget keeps its view alive until it is destroyed.
    let data = Unmanaged.passRetained(self).toOpaque()
    vgpu_connect_draw(widget, onDraw, data)
    vgpu_connect_size_allocate(widget, onSizeAllocate, data)
    vgpu_connect_notify(widget, "notify::scale-factor", onScaleFactor, data)
    vgpu_connect(widget, "map", onMap, data)
    vgpu_connect(widget, "unmap", onUnmap, data)
    vgpu_connect(widget, "destroy", onDestroy, data)
    pointerAndKeys.connect(widget)
    pointerAndKeys.onSend = { [unowned self] in
      link.hasSentInput()
      onNews?()
    }
    pointerAndKeys.onPointer = { [unowned self] isAbsolute in
      link.order { $0.hasHostPointer = isAbsolute }
      pointer.isAbsolute = isAbsolute
    }
    link.onNews = { [weak self] news in self?.heard(news) }
    stage.onFrame = { [unowned self] in request.followPolicy() }
    stage.onSpace = { [unowned self] space, pixels in
      pointerAndKeys.space = space
      pointer.scale = space.scale
      tellArea(pixels)
    }
    if ownsWidget { GuestArea.set(self, of: widget) }
    if gtk_widget_get_mapped(widget) != 0 {
      mapped()
      gtk_widget_queue_draw(widget)
    }
  }

  private static func makeWidget() -> UnsafeMutablePointer<GtkWidget> {
    let widget: UnsafeMutablePointer<GtkWidget> = GuestArea.make() ?? gtk_drawing_area_new()
    g_object_ref_sink(widget)
    gtk_widget_set_hexpand(widget, 1)
    gtk_widget_set_vexpand(widget, 1)
    gtk_widget_set_can_focus(widget, 1)
    return widget
  }

  isolated deinit {
    if ownsWidget { g_object_unref(widget) }
  }

  /// Releases the guest and the widget, as the widget's destruction would. The widget can then have
  /// another view. No callback is called any more.
  public func end() {
    guard !hasEnded else { return }
    hasEnded = true
    onContent = nil
    onGrab = nil
    destroyed()
    g_signal_handlers_disconnect_matched(
      widget, G_SIGNAL_MATCH_DATA, 0, 0, nil, nil, Unmanaged.borrowed(self))
    // The reference that the widget's signals held.
    Unmanaged.passUnretained(self).release()
  }

  // MARK: Input

  /// The receiver of keyboard and mouse; `nil` for a view that only shows.
  public var input: (any InputSink)? {
    get { pointerAndKeys.guest }
    set {
      pointerAndKeys.guest = newValue
      followInput()
    }
  }

  private func followInput() {
    inputNews?.cancel()
    inputNews = input.map { input in
      let changes = input.changes()
      return Task { [weak self] in for await _ in changes { self?.onInputState?() } }
    }
    onInputState?()
  }

  /// The way to take the guest's screen back from another program; `nil` when there is none. While it is
  /// due, the view's message names the key, and Enter takes the screen back.
  public var takeBack: TakeBackOffer? {
    get { pointerAndKeys.takeBack }
    set { pointerAndKeys.takeBack = newValue }
  }

  /// Whether keyboard and mouse are grabbed for the guest.
  public var isGrabbed: Bool { pointerAndKeys.isGrabbed }

  /// Grabs keyboard and mouse for the guest, or gives them back to the host. During a grab the
  /// mouse tells the guest its motion instead of its place.
  public func toggleGrab() { pointerAndKeys.toggleGrab() }

  /// Releases every key and button that the guest believes to be down.
  public func releaseKeys() { pointerAndKeys.releaseAll() }

  /// Presses keys one after the other and releases them in the reverse order.
  public func press(_ chord: [Keycode]) { pointerAndKeys.press(chord) }

  /// The statistics so far.
  public var statistics: ViewerStatistics {
    var statistics = link.statistics
    statistics.inputEvents = pointerAndKeys.count
    return statistics
  }

  /// The frames' statistics so far; those of all frames after the widget was destroyed.
  public func frameMeasurement() -> FrameMeasurement { reporter.measurement() }

  /// The guest's present picture, pixel for pixel, without a pointer that the guest has on a plane
  /// of its own. The CPU copies it, or the GPU when the CPU cannot read it.
  ///
  /// - Throws: `ScreenshotError`.
  public func picture() throws(ScreenshotError) -> Picture {
    guard thread != nil else { throw .noPicture("the view has ended") }
    return try link.picture()
  }

  // MARK: The widget's life

  func mapped() {
    // Every motion comes at once, not one before each frame, because the guest draws the pointer.
    gdk_window_set_event_compression(gtk_widget_get_window(widget), 0)
    stage.mapped()
    resized()
  }

  func draw(on context: CairoContext) { stage.draw(message, on: context) }

  func unmapped() {
    pointerAndKeys.endGrab()
    stage.unmapped()
    forgetPlacement()
  }

  private func destroyed() {
    unmapped()
    pointerAndKeys.disconnect(widget)
    if ownsWidget { GuestArea.set(nil, of: widget) }
    link.onNews = nil
    inputNews?.cancel()
    link.order { $0.ends = true }
    thread.take()?.join()
    onArea = nil
    onScale = nil
    onNews = nil
    onInputState = nil
    onFinish = nil
    onResize = nil
  }

  /// The widget's size, or the device pixels of GTK's unit, have changed.
  func resized() {
    // With a fraction, the widget's place decides; see `onSpace`.
    guard let scale = stage.scale.whole else { return }
    tellArea(
      PixelSize(
        width: max(1, Int(gtk_widget_get_allocated_width(widget))) * scale,
        height: max(1, Int(gtk_widget_get_allocated_height(widget))) * scale))
  }

  private func tellArea(_ pixels: PixelSize) {
    guard pixels != area else { return }
    area = pixels
    onArea?(pixels)
  }

  /// Called when the compositor tells the scale of the screen.
  var onScale: (@MainActor () -> Void)?

  /// Called when the view has anything new: a message, another place of the picture, input that was sent, a
  /// frame for `awaitMotion`.
  var onNews: (@MainActor () -> Void)?

  /// Called when the guest may take other input than before.
  var onInputState: (@MainActor () -> Void)?

  /// Has `onNews` called at the next frame that is presented.
  func awaitMotion() { link.awaitMotion() }

  /// Device pixels of one of GTK's units where the picture is drawn.
  var scale: SurfaceScale { stage.scale }

  /// The refresh rate in Hz of the monitor that shows the widget; `nil` when GDK does not know.
  package var refreshRate: Double? { stage.refreshRate }

  // MARK: News of the render thread

  private func heard(_ news: RenderLink.News) {
    // A callback may destroy the view.
    g_object_ref(widget)
    defer { g_object_unref(widget) }
    if let failure = news.failure {
      stage.failed(failure)
      forgetPlacement()
    }
    if let scale = news.scale {
      stage.screenScale = scale
      onScale?()
    }
    if let picture = news.picture { show(picture) }
    // A hidden view has no surface, and tells its user that the guest has ended all the same.
    if let message = news.message { show(message) }
    switch news.wantsPaint {
    case .none: break
    case .part(let part): stage.paint(part)
    case .all: gtk_widget_queue_draw(widget)
    }
    if news.isFinished { onFinish?() }
    onNews?()
  }

  private func show(_ picture: RenderLink.Shown) {
    placement = picture.placement
    pointerAndKeys.placement = picture.placement
    pointer.placement = picture.placement
    pointer.guest = picture.pointer
    if message != nil { gtk_widget_queue_draw(widget) }
    let isNew = message != nil || !hasContent
    message = nil
    hasContent = true
    let size = picture.placement.guest
    if size != request.guest {
      request.guest = size
      gtk_widget_queue_resize(widget)
      onResize?(size)
    }
    if isNew { onContent?() }
  }

  private func show(_ said: ViewMessage) {
    let message = takeBack?.isDue() == true ? said.offering(TakeBackOffer.text) : said
    guard message != self.message else { return }
    self.message = message
    hasContent = true
    forgetPlacement()
    gtk_widget_queue_draw(widget)
    onContent?()
  }

  /// The width or height that the view asks its container for, in GTK's units: for the class of a
  /// widget that was given to `init` (GtkWidgetClass.get_preferred_width). A view's own widget does
  /// this by itself.
  ///
  /// The natural size is the guest's. The minimum is zero; in a direction in which the view scrolls,
  /// because its parent is a GtkViewport, it is the guest's size too. A GtkScrolledWindow with
  /// GTK_POLICY_NEVER does not scroll.
  public func preferredSize(along orientation: GtkOrientation) -> (minimum: Int, natural: Int) {
    request.size(along: orientation, stage.scale)
  }

  private func forgetPlacement() {
    placement = nil
    pointerAndKeys.placement = nil
    pointer.guest = nil
    pointer.placement = nil
  }
}

/// Why a guest's picture cannot be had.
public enum ScreenshotError: Error, Hashable, Sendable {
  /// There is none, or it cannot be read: why.
  case noPicture(String)
}

extension ScreenshotError: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .noPicture(let reason): reason
    }
  }
}
