// SPDX-License-Identifier: Apache-2.0

public import CGTK3
public import EGLPresenter
public import FrameStatistics
public import GuestInput
import LinuxSystem
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
/// thread, the main one.
@MainActor
public final class GuestView: SurfaceTicks {
  /// The widget, a `GtkDrawingArea`. Put it into a container, whose it is then. One that never gets
  /// into a container must be destroyed (gtk_widget_destroy).
  public let widget: UnsafeMutablePointer<GtkWidget>
  /// Where the frames come from; polled once before each drawing while the widget is mapped.
  public let source: any FrameSource
  /// How the picture is sized to the widget.
  public var scaling: ScalingMode
  /// Called after each presented frame.
  public var onPresent: (@MainActor () -> Void)?
  /// Called when the guest's picture gets another size, in the guest's pixels, and for the first.
  public var onResize: (@MainActor (PixelSize) -> Void)?
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
    didSet { surface?.show(overlay) }
  }
  /// What is shown instead of a picture; `nil` while there is one.
  public private(set) var message: String?

  /// What becomes of each frame, in numbers, for any thread.
  public var reporter: FrameReporter { recorder.reporter }

  private let alwaysUploads: Bool
  private var recorder: FrameRecorder
  private var lastFlip: UInt64?
  private let pointerAndKeys: ViewInput
  private let pointer: HostPointer
  private var area: PixelSize?
  private var surface: (any GuestSurface)?
  private var isEGLGivenUp = false
  private var losses = 0
  private var guestSize: PixelSize?
  private var shown = ViewerStatistics()
  /// Of the surfaces that are gone.
  private var past = RendererCounters()
  private var slowTimer: Timer?
  private var lastTick: MonotonicInstant = .now
  private var startID: guint = 0

  /// How often a guest without a picture is looked at, in milliseconds.
  private static let slowPeriod = 150
  /// Lost contexts in a row after which EGL is given up.
  private static let mostLosses = 3

  /// Makes the widget. gtk_init has been called.
  ///
  /// - Parameters:
  ///   - alwaysUploads: copies every frame even where it could be imported.
  ///   - presentations: how many of the last presentations are kept for time lines.
  public init(
    source: any FrameSource, scaling: ScalingMode = .fit, alwaysUploads: Bool = false,
    presentations: Int = 600
  ) {
    self.source = source
    self.scaling = scaling
    self.alwaysUploads = alwaysUploads
    recorder = FrameRecorder(capacity: presentations)
    widget = gtk_drawing_area_new()
    g_object_ref_sink(widget)
    pointerAndKeys = ViewInput(widget)
    pointer = HostPointer(widget)
    gtk_widget_set_hexpand(widget, 1)
    gtk_widget_set_vexpand(widget, 1)
    gtk_widget_set_can_focus(widget, 1)
    // Until the widget is destroyed it keeps its view alive.
    let data = Unmanaged.passRetained(self).toOpaque()
    vgpu_connect_draw(widget, onDraw, data)
    vgpu_connect_size_allocate(widget, onSizeAllocate, data)
    vgpu_connect_notify(widget, "notify::scale-factor", onScaleFactor, data)
    vgpu_connect(widget, "map", onMap, data)
    vgpu_connect(widget, "unmap", onUnmap, data)
    vgpu_connect(widget, "destroy", onDestroy, data)
    pointerAndKeys.connect(widget)
  }

  isolated deinit {
    g_object_unref(widget)
  }

  // MARK: Input

  /// Where keyboard and mouse go; `nil` for a view that only shows.
  public var input: (any GuestInput)? {
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
    var statistics = shown
    statistics.inputEvents = pointerAndKeys.count
    let counters = surface?.counters ?? RendererCounters()
    statistics.imports = past.imports + counters.imports
    statistics.copies = past.uploads + counters.uploads
    statistics.draws = past.draws + counters.draws
    statistics.gets = source.counters.gets
    if let refusal = surface?.importRefusal { statistics.importRefusal = refusal }
    return statistics
  }

  /// What has become of all frames so far, for the end: up to the last one.
  public func frameMeasurement() -> FrameMeasurement {
    recorder.flush()
    return reporter.measurement()
  }

  /// The guest's picture as it is now, pixel for pixel, without the pointer where the guest has it on
  /// a plane of its own: copied by the CPU, or where only the GPU can read it by the GPU.
  public func picture() throws(ScreenshotError) -> Picture {
    let frame: Frame
    switch source.poll() {
    case .frame(let shown): frame = shown
    case .noPicture(let reason): throw .noPicture("\(reason)")
    }
    do {
      return try Picture(copying: frame.primary)
    } catch {
      return try picture(of: frame, refusal: error)
    }
  }

  private func picture(
    of frame: Frame, refusal: Picture.CopyError
  ) throws(ScreenshotError) -> Picture {
    let bare = Frame(
      primary: frame.primary, cursor: nil, flip: frame.flip, detectedAt: frame.detectedAt)
    let image: PixelImage?
    do {
      image = try surface?.pixels(of: bare)
    } catch {
      throw .noPicture("\(source.name): \(refusal); by the GPU: \(error)")
    }
    guard let picture = image.flatMap(Picture.init) else {
      throw .noPicture("\(source.name): \(refusal)")
    }
    return picture
  }

  // MARK: The widget's life

  fileprivate func mapped() {
    // Every motion at once, and not one before each frame: the guest draws the pointer.
    gdk_window_set_event_compression(gtk_widget_get_window(widget), 0)
    moved()
    slowTimer = Timer(milliseconds: Self.slowPeriod) { [unowned self] in slowTick() }
  }

  /// The toplevel has its surface and GTK has painted it: only now can a surface be put above it.
  fileprivate func painted(_ context: CairoContext) {
    if let message {
      Message.paint(message, widget, context)
    } else {
      cairo_set_source_rgb(context, 0, 0, 0)
      cairo_paint(context)
      surface?.paint(context)
    }
    guard surface == nil, startID == 0, slowTimer != nil else { return }
    startID = g_idle_add(onStart, Unmanaged.borrowed(self))
  }

  fileprivate func start() {
    startID = 0
    guard surface == nil, slowTimer != nil else { return }
    surface = makeSurface()
    surface?.show(overlay)
    tick()
  }

  fileprivate func unmapped() {
    if startID != 0 { g_source_remove(startID) }
    startID = 0
    slowTimer = nil
    pointerAndKeys.endGrab()
    dropSurface()
  }

  fileprivate func destroyed() {
    unmapped()
    pointerAndKeys.disconnect(widget)
    onArea = nil
    onPresent = nil
    onResize = nil
  }

  fileprivate func moved() {
    let geometry = geometry
    surface?.place(geometry)
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

  // MARK: Surfaces

  private func makeSurface() -> any GuestSurface {
    let display = gtk_widget_get_display(widget)
    let isWayland = vgpu_gdk_is_wayland(display) != 0
    let isX11 = vgpu_gdk_is_x11(display) != 0
    if !isEGLGivenUp {
      do throws(GraphicsError) {
        if isWayland {
          return try WaylandSurface(
            over: widget, geometry, alwaysUploads: alwaysUploads, ticks: self)
        }
        if isX11 {
          return try X11Surface(over: widget, geometry, alwaysUploads: alwaysUploads, ticks: self)
        }
      } catch {
        isEGLGivenUp = true
        shown.fallback = error
      }
    }
    return CairoSurface(
      over: widget, geometry, backend: isWayland ? .wayland : isX11 ? .x11 : nil, ticks: self)
  }

  private func dropSurface() {
    guard let surface else { return }
    if let refusal = surface.importRefusal { shown.importRefusal = refusal }
    past.imports += surface.counters.imports
    past.uploads += surface.counters.uploads
    past.draws += surface.counters.draws
    past.refusals += surface.counters.refusals
    self.surface = nil
    surface.dispose()
    forgetPlacement()
  }

  // MARK: Frames

  /// Looks at the guest and shows what there is. The surface calls it when a frame is due.
  func tick() {
    lastTick = .now
    guard let surface else { return }
    let state = source.poll()
    recorder.queried(MonotonicInstant.now.elapsed(since: lastTick))
    switch state {
    case .frame(let frame):
      if frame.flip != lastFlip { recorder.newFrame(detectedAt: frame.detectedAt) }
      lastFlip = frame.flip
      show(frame, on: surface)
    case .noPicture(let reason):
      show(message: "\(reason)")
    }
  }

  /// Looks at a guest that has no picture, and once a second at one whose surface asks for nothing:
  /// it may be hidden, and the guest's end should not go unnoticed; or the compositor had not shown
  /// the surface yet when it got the first frame, and has to be given another.
  private func slowTick() {
    guard surface != nil else { return }
    if message != nil || MonotonicInstant.now.seconds(since: lastTick) > 1 { tick() }
  }

  private func show(_ frame: Frame, on surface: any GuestSurface) {
    surface.place(geometry)
    let before = (importing: surface.counters, start: MonotonicInstant.now)
    do {
      let placement = try surface.present(frame, scaling)
      self.placement = placement
      pointerAndKeys.placement = placement
      pointer.isHidden = frame.cursor != nil
      losses = 0
    } catch {
      failed(error)
      return
    }
    if message != nil {
      message = nil
      gtk_widget_queue_draw(widget)
    }
    record(surface, since: before.start, before.importing)
    shown.path = surface.path
    shown.renderer = surface.renderer
    shown.backend = surface.backend
    let size = frame.primary.size
    if size != guestSize {
      guestSize = size
      onResize?(size)
    }
    onPresent?()
  }

  /// Drawing and handing over are one step of these surfaces, and when the frame is seen they are
  /// not told.
  private func record(
    _ surface: any GuestSurface, since start: MonotonicInstant, _ before: RendererCounters
  ) {
    let now = MonotonicInstant.now
    let imported = surface.counters.importNanoseconds - before.importNanoseconds
    if imported > 0 { recorder.imported(imported) }
    let drawn = now.elapsed(since: start)
    recorder.drawn(drawn - min(imported, drawn))
    recorder.feedback = surface.path == .cairo ? .frameClock : .swap
    recorder.committed(at: now)
    recorder.presented(at: now)
    shown.presented(at: now)
  }

  private func failed(_ error: GraphicsError) {
    if error.kind == .cannotShow {
      show(message: "\(error)")
      return
    }
    losses += 1
    if losses >= Self.mostLosses {
      isEGLGivenUp = true
      shown.fallback = error
    }
    dropSurface()
    // The next drawing of the widget makes a new one.
    gtk_widget_queue_draw(widget)
  }

  private func show(message text: String) {
    guard text != message else { return }
    if message == nil { surface?.hide() }
    message = text
    forgetPlacement()
    gtk_widget_queue_draw(widget)
  }

  private func forgetPlacement() {
    placement = nil
    pointerAndKeys.placement = nil
    pointer.isHidden = false
  }
}

private func onDraw(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ context: OpaquePointer?,
  _ data: UnsafeMutableRawPointer?
) -> gboolean {
  let address = UInt(bitPattern: context)
  onMain(data, as: GuestView.self) { view in
    if let context = OpaquePointer(bitPattern: address) { view.painted(context) }
  }
  return 1
}

private func onSizeAllocate(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ allocation: UnsafeMutablePointer<GdkRectangle>?,
  _ data: UnsafeMutableRawPointer?
) {
  onMain(data, as: GuestView.self) { $0.moved() }
}

private func onScaleFactor(
  _ object: UnsafeMutableRawPointer?, _ property: UnsafeMutablePointer<GParamSpec>?,
  _ data: UnsafeMutableRawPointer?
) {
  onMain(data, as: GuestView.self) { $0.moved() }
}

private func onMap(_ widget: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?) {
  onMain(data, as: GuestView.self) { $0.mapped() }
}

private func onUnmap(_ widget: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?) {
  onMain(data, as: GuestView.self) { $0.unmapped() }
}

private func onDestroy(_ widget: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?) {
  onMain(data, as: GuestView.self) { view in
    view.destroyed()
    g_signal_handlers_disconnect_matched(
      view.widget, G_SIGNAL_MATCH_DATA, 0, 0, nil, nil, Unmanaged.borrowed(view))
    Unmanaged.passUnretained(view).release()
  }
}

private func onStart(_ data: UnsafeMutableRawPointer?) -> gboolean {
  onMain(data, as: GuestView.self) { $0.start() }
  return 0
}
