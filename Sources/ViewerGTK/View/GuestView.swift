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
/// window on X11. So it hides GTK widgets that lie over it. It does not hide menus and tooltips,
/// because those are windows.
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

  private let alwaysUploads: Bool
  private let handsOver: Bool
  private let pointerAndKeys: ViewInput
  private let pointer: HostPointer
  private var area: PixelSize?
  private let link: RenderLink
  private var thread: SystemThread?
  private var surface: (any GuestSurface)?
  private var isMapped = false
  private var isEGLGivenUp = false
  private var losses = ContextLosses()
  /// The timer that runs while a GPU recovers from a reset.
  private var pause: Timer?
  private var guestSize: PixelSize?
  private var startID: guint = 0
  private let ownsWidget: Bool
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
    link = try RenderLink()
    let recorder = FrameRecorder(capacity: presentations)
    reporter = recorder.reporter
    thread = try RenderLoop.start(source, scaling, link, recorder)
    self.scaling = scaling
    self.alwaysUploads = alwaysUploads
    self.handsOver = handsOver && !alwaysUploads
    ownsWidget = widget == nil
    let widget = widget ?? Self.makeWidget()
    self.widget = widget
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
    pointerAndKeys.onSend = { [link] in link.hasSentInput() }
    link.onNews = { [weak self] news in self?.heard(news) }
    if gtk_widget_get_mapped(widget) != 0 {
      mapped()
      gtk_widget_queue_draw(widget)
    }
  }

  private static func makeWidget() -> UnsafeMutablePointer<GtkWidget> {
    let widget: UnsafeMutablePointer<GtkWidget> = gtk_drawing_area_new()
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
    set { pointerAndKeys.guest = newValue }
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
    isMapped = true
    moved()
  }

  /// The toplevel has its surface and GTK has painted it. Only now can a surface be put above it.
  func painted(_ context: CairoContext) {
    if let message {
      Message.paint(message.text, widget, context)
    } else {
      cairo_set_source_rgb(context, 0, 0, 0)
      cairo_paint(context)
      surface?.paint(context)
    }
    guard surface == nil, startID == 0, pause == nil, isMapped else { return }
    startID = g_idle_add(onStart, Unmanaged.borrowed(self))
  }

  func start() {
    startID = 0
    guard surface == nil, isMapped else { return }
    let surface = makeSurface()
    self.surface = surface
    link.order { [maker = surface.maker, interval = refreshInterval] in
      $0.canvas = maker
      $0.fallbackInterval = interval
    }
  }

  func unmapped() {
    if startID != 0 { g_source_remove(startID) }
    startID = 0
    pause = nil
    isMapped = false
    pointerAndKeys.endGrab()
    dropSurface()
  }

  private func destroyed() {
    unmapped()
    pointerAndKeys.disconnect(widget)
    link.onNews = nil
    link.order { $0.ends = true }
    thread.take()?.join()
    onArea = nil
    onFinish = nil
    onResize = nil
  }

  func moved() {
    let geometry = geometry
    if let surface {
      surface.place(geometry)
      link.order { [interval = refreshInterval] in
        $0.geometry = geometry
        $0.fallbackInterval = interval
      }
    }
    guard geometry.pixels != area else { return }
    area = geometry.pixels
    onArea?(geometry.pixels)
  }

  private var geometry: SurfaceGeometry {
    var geometry = SurfaceGeometry()
    var x: gint = 0
    var y: gint = 0
    gtk_widget_translate_coordinates(widget, gtk_widget_get_toplevel(widget), 0, 0, &x, &y)
    geometry.x = Int(x)
    geometry.y = Int(y)
    geometry.width = max(1, Int(gtk_widget_get_allocated_width(widget)))
    geometry.height = max(1, Int(gtk_widget_get_allocated_height(widget)))
    geometry.scale = max(1, Int(gtk_widget_get_scale_factor(widget)))
    return geometry
  }

  /// Nanoseconds between two refreshes of the widget's monitor; `nil` when GDK does not know.
  private var refreshInterval: Int? {
    guard let window = gtk_widget_get_window(widget),
      let monitor = gdk_display_get_monitor_at_window(gtk_widget_get_display(widget), window)
    else { return nil }
    let millihertz = Int(gdk_monitor_get_refresh_rate(monitor))
    // A rate that no monitor has is ignored: Xvfb tells 0 or any number.
    return (10_000...1_000_000).contains(millihertz) ? 1_000_000_000_000 / millihertz : nil
  }

  // MARK: Surfaces

  private func makeSurface() -> any GuestSurface {
    let display = gtk_widget_get_display(widget)
    let isWayland = vgpu_gdk_is_wayland(display) != 0
    let isX11 = vgpu_gdk_is_x11(display) != 0
    if !isEGLGivenUp {
      do throws(GraphicsError) {
        if isWayland {
          return try WaylandSurface(
            over: widget, geometry, alwaysUploads: alwaysUploads, handsOver: handsOver)
        }
        if isX11 {
          return try X11Surface(over: widget, geometry, alwaysUploads: alwaysUploads)
        }
      } catch {
        isEGLGivenUp = true
        link.update { $0.fallback = error }
      }
    }
    return CairoSurface(geometry, backend: isWayland ? .wayland : isX11 ? .x11 : nil, link)
  }

  private func dropSurface() {
    guard let surface else { return }
    self.surface = nil
    // The surface must outlive the canvas.
    withExtendedLifetime(surface) {
      link.orderAndWait { orders in
        orders.canvas = nil
        orders.letsGo = true
      }
    }
    forgetPlacement()
  }

  // MARK: News of the render thread

  private func heard(_ news: RenderLink.News) {
    // A callback may destroy the view.
    g_object_ref(widget)
    defer { g_object_unref(widget) }
    if let failure = news.failure { failed(failure) }
    if surface != nil {
      if let picture = news.picture { show(picture) }
      if let message = news.message { show(message) }
      if news.wantsPaint { gtk_widget_queue_draw(widget) }
    }
    if news.isFinished { onFinish?() }
  }

  private func show(_ picture: RenderLink.Shown) {
    placement = picture.placement
    pointerAndKeys.placement = picture.placement
    pointer.isHidden = picture.hasPointer
    if message != nil { gtk_widget_queue_draw(widget) }
    let isNew = message != nil || !hasContent
    message = nil
    hasContent = true
    let size = picture.placement.guest
    if size != guestSize {
      guestSize = size
      onResize?(size)
    }
    if isNew { onContent?() }
  }

  private func failed(_ error: GraphicsError) {
    if losses.isLast(error) {
      isEGLGivenUp = true
      link.update { $0.fallback = error }
    }
    dropSurface()
    // The next drawing of the widget makes a new surface.
    gtk_widget_queue_draw(widget)
    guard !isEGLGivenUp else { return }
    pause = Timer(milliseconds: ContextLosses.pause) { [unowned self] in
      pause = nil
      gtk_widget_queue_draw(widget)
    }
  }

  private func show(_ message: ViewMessage) {
    guard message != self.message else { return }
    self.message = message
    hasContent = true
    forgetPlacement()
    gtk_widget_queue_draw(widget)
    onContent?()
  }

  private func forgetPlacement() {
    placement = nil
    pointerAndKeys.placement = nil
    pointer.isHidden = false
  }
}

/// Counts the losses of a view's EGL context, and decides whether to make another one.
struct ContextLosses {
  private var times: [MonotonicInstant] = []

  /// The most losses within so many seconds. With more, the guest's picture may be the cause of the
  /// GPU's resets, and the host's other programs suffer too.
  private static let most = 3
  private static let period = 30.0
  /// Milliseconds before a lost context is made anew.
  static let pause = 250

  /// Records a failure.
  ///
  /// - Returns: whether to give EGL up.
  mutating func isLast(_ error: GraphicsError, now: MonotonicInstant = .now) -> Bool {
    times = times.filter { now.seconds(since: $0) < Self.period } + [now]
    // A GPU refuses a context during a reset too, but not for long.
    return times.count >= Self.most || error.kind == .unavailable && times.count == 1
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
