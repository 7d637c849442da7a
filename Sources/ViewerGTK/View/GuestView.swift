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
/// window on X11. GTK widgets laid over it are therefore hidden by it; menus and tooltips, being
/// windows, are not.
///
/// With an `input` the guest gets what is typed while the widget has the focus and what the mouse
/// does over it. Keys are taken by the widget's own handlers, so a window with shortcuts of its own
/// has them first.
///
/// The widget owns the view: it lives until the widget is destroyed. All of it belongs to GTK's
/// thread, the main one; the guest is looked at and drawn on a thread of the view's own, which has
/// the frame source to itself. On X11 with libX11 before 1.8 call XInitThreads before gtk_init.
@MainActor
public final class GuestView {
  /// The widget, a `GtkDrawingArea`. Put it into a container, whose it is then. One that never gets
  /// into a container must be destroyed (gtk_widget_destroy). It is the one that the view was given,
  /// where it was given one.
  public let widget: UnsafeMutablePointer<GtkWidget>
  /// How the picture is sized to the widget.
  public var scaling: ScalingMode {
    didSet { link.order { [scaling] in $0.scaling = scaling } }
  }
  /// No more frames are presented than these, and then `onFinish` is called; `nil` for no end.
  public var frameLimit: Int? {
    didSet { link.order { [frameLimit] in $0.frameLimit = frameLimit ?? .max } }
  }
  /// Called when as many frames have been presented as `frameLimit` allows.
  public var onFinish: (@MainActor () -> Void)?
  /// Called when the guest's picture gets another size, in the guest's pixels, and for the first.
  public var onResize: (@MainActor (PixelSize) -> Void)?
  /// Called when something else is shown than before: a picture after a message, or another message.
  /// `message` tells which.
  public var onContent: (@MainActor () -> Void)?
  /// Called when keyboard and mouse become the guest's alone, and when no longer.
  public var onGrab: (@MainActor () -> Void)? {
    get { pointerAndKeys.onGrab }
    set { pointerAndKeys.onGrab = newValue }
  }
  /// Called when the widget has got another size, in device pixels.
  public var onArea: (@MainActor (PixelSize) -> Void)?
  /// Where the picture was last drawn, in device pixels of the widget; `nil` while there is none.
  public private(set) var placement: Placement?
  /// A picture that is laid over the guest's; `nil` for none.
  public var overlay: Overlay? {
    didSet { link.order { [overlay] in $0.overlay = .some(overlay) } }
  }
  /// What is shown instead of a picture; `nil` while there is one, and before the first look.
  public private(set) var message: ViewMessage?

  /// What becomes of each frame, in numbers, for any thread.
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
  /// While a GPU that was reset gets its time.
  private var pause: Timer?
  private var guestSize: PixelSize?
  private var startID: guint = 0
  private let ownsWidget: Bool
  private var hasContent = false
  private var hasEnded = false

  /// Makes the widget, or draws in one that is there. gtk_init has been called.
  ///
  /// - Parameters:
  ///   - source: looked at just before each refresh of the monitor while the widget is mapped, on a
  ///     thread of the view's own.
  ///   - scaling: how the picture is sized to the widget.
  ///   - alwaysUploads: copies every frame even where it could be imported.
  ///   - handsOver: hands the guest's own buffers to a compositor that takes them, which then reads
  ///     them as a monitor would: whenever it composes. Else they are drawn. It never happens to
  ///     copied frames.
  ///   - presentations: how many of the last presentations are kept for time lines.
  ///   - widget: somebody else's `GtkDrawingArea` to draw in, which the view does not keep alive: it
  ///     must not be used after the widget's end. `end` leaves the widget to others before that. `nil`
  ///     for one of the view's own.
  /// - Throws: `SystemCallError` when that thread cannot be had.
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
    // Until the widget is destroyed it keeps its view alive.
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

  /// Lets go of the guest and of the widget, which can then have another view: what else happens when
  /// the widget is destroyed. Nothing is called any more.
  public func end() {
    guard !hasEnded else { return }
    hasEnded = true
    onContent = nil
    onGrab = nil
    destroyed()
    g_signal_handlers_disconnect_matched(
      widget, G_SIGNAL_MATCH_DATA, 0, 0, nil, nil, Unmanaged.borrowed(self))
    // What the widget's signals had of it.
    Unmanaged.passUnretained(self).release()
  }

  // MARK: Input

  /// Where keyboard and mouse go; `nil` for a view that only shows.
  public var input: (any InputSink)? {
    get { pointerAndKeys.guest }
    set { pointerAndKeys.guest = newValue }
  }

  /// Whether keyboard and mouse are the guest's alone.
  public var isGrabbed: Bool { pointerAndKeys.isGrabbed }

  /// Makes keyboard and mouse the guest's alone, or gives them back to the host. The mouse then
  /// tells the guest its motion instead of its place.
  public func toggleGrab() { pointerAndKeys.toggleGrab() }

  /// Lets go of every key and button that the guest believes to be down.
  public func releaseKeys() { pointerAndKeys.releaseAll() }

  /// Presses keys one after the other and lets them go in the reverse order.
  public func press(_ chord: [Keycode]) { pointerAndKeys.press(chord) }

  /// What has been shown so far.
  public var statistics: ViewerStatistics {
    var statistics = link.statistics
    statistics.inputEvents = pointerAndKeys.count
    return statistics
  }

  /// What has become of the frames so far; of all of them once the widget is destroyed.
  public func frameMeasurement() -> FrameMeasurement { reporter.measurement() }

  /// The guest's picture as it is now, pixel for pixel, without the pointer where the guest has it on
  /// a plane of its own: copied by the CPU, or where only the GPU can read it by the GPU.
  ///
  /// - Throws: `ScreenshotError`.
  public func picture() throws(ScreenshotError) -> Picture {
    guard thread != nil else { throw .noPicture("the view has ended") }
    return try link.picture()
  }

  // MARK: The widget's life

  func mapped() {
    // Every motion at once, and not one before each frame: the guest draws the pointer.
    gdk_window_set_event_compression(gtk_widget_get_window(widget), 0)
    isMapped = true
    moved()
  }

  /// The toplevel has its surface and GTK has painted it: only now can a surface be put above it.
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

  /// Nanoseconds between two refreshes of the monitor that the widget is on; `nil` where GDK does
  /// not know.
  private var refreshInterval: Int? {
    guard let window = gtk_widget_get_window(widget),
      let monitor = gdk_display_get_monitor_at_window(gtk_widget_get_display(widget), window)
    else { return nil }
    let millihertz = Int(gdk_monitor_get_refresh_rate(monitor))
    // What no monitor has is no answer: Xvfb's says 0 or anything.
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
    // What the canvas draws on must outlive it.
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
    // Whoever is told may destroy it.
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
    // The next drawing of the widget makes a new one.
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

/// How often a view's EGL context was lost, and whether another one is worth it.
struct ContextLosses {
  private var times: [MonotonicInstant] = []

  /// So many within so many seconds are too many: the guest's picture may be why the GPU is reset, and
  /// the host's other programs suffer with it.
  private static let most = 3
  private static let period = 30.0
  /// Milliseconds before a lost context is made anew.
  static let pause = 250

  /// Takes down a failure.
  ///
  /// - Returns: whether EGL is to be given up for it.
  mutating func isLast(_ error: GraphicsError, now: MonotonicInstant = .now) -> Bool {
    times = times.filter { now.seconds(since: $0) < Self.period } + [now]
    // A GPU that is just being reset refuses a context too, but not for long.
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
