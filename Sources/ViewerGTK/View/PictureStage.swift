// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter
import LinuxSystem
import VGPUDisplay

/// Keeps the guest's picture where GTK shows the widget: on a surface of its own that follows the
/// widget, or drawn by GTK while only GTK can do it right. In each frame of GTK's it looks where the
/// widget is, before anything is painted. While GTK makes no frames it does nothing.
@MainActor
final class PictureStage {
  /// Called in each frame that GTK makes of the widget's window, before anything is painted.
  var onFrame: (@MainActor () -> Void)?
  /// Called when the picture's pixels are elsewhere: with their place and their number.
  var onSpace: (@MainActor (PixelSpace, PixelSize) -> Void)?
  /// The scale of the screen that shows the view's own surface, if the compositor tells it.
  var screenScale: SurfaceScale? {
    didSet { if screenScale != oldValue { rescale() } }
  }
  private let widget: UnsafeMutablePointer<GtkWidget>
  private let link: RenderLink
  private let alwaysUploads: Bool
  private let handsOver: Bool
  private var isMapped = false
  private var hasBeenDrawn = false
  private var watch: FrameClockWatch?
  private var place: WidgetPlace?
  /// The view's own surface.
  private var surface: (any GuestSurface)?
  /// Whether GTK draws the picture.
  private var isDrawnByGTK = false
  private var isEGLGivenUp = false
  private var losses = ContextLosses()
  /// The timer that runs while a GPU recovers from a reset.
  private var pause: Timer?
  private var startID: guint = 0

  init(
    _ widget: UnsafeMutablePointer<GtkWidget>, _ link: RenderLink, alwaysUploads: Bool,
    handsOver: Bool
  ) {
    self.widget = widget
    self.link = link
    self.alwaysUploads = alwaysUploads
    self.handsOver = handsOver && !alwaysUploads
  }

  /// The widget's window system; `nil` when it is neither of the two that have surfaces.
  private var backend: ViewerStatistics.Backend? {
    let display = gtk_widget_get_display(widget)
    if vgpu_gdk_is_wayland(display) != 0 { return .wayland }
    return vgpu_gdk_is_x11(display) != 0 ? .x11 : nil
  }

  // MARK: The widget's life

  func mapped() {
    isMapped = true
    link.update { [backend] in $0.backend = backend }
    guard let window = gtk_widget_get_window(widget), let native = gdk_window_get_toplevel(window)
    else { return }
    watch = FrameClockWatch(
      of: native, onPlaced: { [unowned self] in follow() },
      onPainted: { [unowned self] in painted() })
  }

  func unmapped() {
    watch = nil
    if startID != 0 { g_source_remove(startID) }
    startID = 0
    pause = nil
    isMapped = false
    hasBeenDrawn = false
    drop()
  }

  /// Draws the message, or else the picture on black, where GTK draws the widget.
  func draw(_ message: ViewMessage?, on context: CairoContext) {
    hasBeenDrawn = true
    if let message {
      Message.paint(message.text, widget, context)
      return
    }
    cairo_set_source_rgb(context, 0, 0, 0)
    cairo_paint(context)
    if isDrawnByGTK {
      link.board.paint(context, in: PixelSpace(scale: toolkitScale))
      link.order { $0.hasPainted = true }
    } else if surface != nil, gdk_cairo_get_drawing_context(context) == nil {
      // Not for the screen: somebody keeps a picture of the widget.
      link.settle { $0.copies = true }
      link.board.paint(context, in: space)
      link.board.clear()
    }
  }

  /// Has GTK paint pixels of the widget anew, in device pixels. GTK paints something in any case, because
  /// the render thread waits for that.
  func paint(_ part: Damage) {
    guard let place, place.geometry.isVisible, !part.clipped(to: place.geometry.part).isEmpty else {
      gtk_widget_queue_draw(widget)
      return
    }
    let scale = place.geometry.scale.whole ?? 1
    for index in 0..<part.count {
      let area = part[index]
      let (x, y) = (area.x / scale, area.y / scale)
      gtk_widget_queue_draw_area(
        widget, Int32(clamping: x), Int32(clamping: y),
        Int32(clamping: (area.x + area.width + scale - 1) / scale - x),
        Int32(clamping: (area.y + area.height + scale - 1) / scale - y))
    }
  }

  // MARK: Frames of GTK's

  private func follow() {
    onFrame?()
    guard isMapped, let place = WidgetPlace(of: widget) else { return }
    let before = self.place
    guard place != before || isDrawnByGTK != needsGTK(place) else { return }
    self.place = place
    tellSpace(place)
    if needsGTK(place) {
      guard !isDrawnByGTK || place.geometry.pixels != before?.geometry.pixels else { return }
      isDrawnByGTK = true
      gtk_widget_queue_draw(widget)
      tell(place, isEGLGivenUp ? .gtkAlways : .gtk)
    } else if let surface {
      isDrawnByGTK = false
      surface.place(onSurface(place))
      tell(place, .canvas)
    }
  }

  /// Does not wait for a frame of GTK's: a compositor asks for none while this very surface covers all of
  /// GTK's.
  private func rescale() {
    gtk_widget_queue_resize(widget)
    guard isMapped, let place, let surface, !isDrawnByGTK else {
      place = nil
      gtk_widget_queue_draw(widget)
      return
    }
    tellSpace(place)
    surface.place(onSurface(place))
    link.order { [geometry = onSurface(place)] in
      $0.place = RenderLink.Place(geometry: geometry, painter: .canvas)
    }
  }

  /// Device pixels of a unit where GTK draws.
  private var toolkitScale: SurfaceScale { SurfaceScale(ofToolkitFor: widget) }

  /// Device pixels of a unit where the picture is drawn.
  var scale: SurfaceScale { isEGLGivenUp ? toolkitScale : screenScale ?? toolkitScale }

  /// The picture's pixels.
  private(set) var space = PixelSpace()

  /// The place of the view's own surface.
  private func onSurface(_ place: WidgetPlace) -> SurfaceGeometry {
    place.geometry.scaled(by: screenScale ?? place.geometry.scale)
  }

  private func tellSpace(_ place: WidgetPlace) {
    let geometry = needsGTK(place) ? place.geometry : onSurface(place)
    space = PixelSpace(
      scale: geometry.scale,
      origin: (geometry.x - place.geometry.x, geometry.y - place.geometry.y))
    onSpace?(space, geometry.pixels)
  }

  private func needsGTK(_ place: WidgetPlace) -> Bool { !place.isPlain || isEGLGivenUp }

  private func tell(_ place: WidgetPlace, _ painter: RenderLink.Place.Painter) {
    let geometry = painter == .canvas ? onSurface(place) : place.geometry
    link.settle { [interval = refreshInterval] in
      $0.place = RenderLink.Place(geometry: geometry, painter: painter)
      $0.fallbackInterval = interval
    }
  }

  /// Only when the native window has its surface and GTK has painted it, a surface can be put above
  /// it.
  private func painted() {
    guard hasBeenDrawn, surface == nil, startID == 0, pause == nil, isMapped, !isEGLGivenUp,
      let place, place.isOnScreen, place.geometry.isVisible
    else { return }
    startID = g_idle_add(onStart, Unmanaged.borrowed(self))
  }

  fileprivate func start() {
    startID = 0
    guard surface == nil, isMapped, let place, place.isOnScreen else { return }
    let geometry = onSurface(place)
    guard let surface = makeSurface(geometry) else {
      // GTK draws from its next frame on, for good.
      drop()
      gtk_widget_queue_draw(widget)
      return
    }
    self.surface = surface
    link.order { [maker = surface.maker, isDrawnByGTK, interval = refreshInterval] in
      $0.canvas = maker
      $0.fallbackInterval = interval
      if !isDrawnByGTK { $0.place = .init(geometry: geometry, painter: .canvas) }
    }
    // GTK's next frame shows it.
    if isDrawnByGTK { gtk_widget_queue_draw(widget) }
  }

  /// The refresh rate in Hz of the monitor that shows the widget; `nil` when GDK does not know.
  var refreshRate: Double? {
    guard let window = gtk_widget_get_window(widget),
      let monitor = gdk_display_get_monitor_at_window(gtk_widget_get_display(widget), window)
    else { return nil }
    let millihertz = Int(gdk_monitor_get_refresh_rate(monitor))
    return millihertz > 0 ? Double(millihertz) / 1000 : nil
  }

  /// The time between two refreshes of that monitor; `nil` when GDK does not know.
  private var refreshInterval: Duration? {
    // A rate that no monitor has is ignored: Xvfb tells 0 or any number.
    guard let refreshRate, (10...1000).contains(refreshRate) else { return nil }
    return .nanoseconds(Int(1e9 / refreshRate))
  }

  // MARK: Surfaces

  /// `nil` when EGL has been given up.
  private func makeSurface(_ geometry: SurfaceGeometry) -> (any GuestSurface)? {
    do throws(GraphicsError) {
      switch backend {
      case .wayland:
        return try WaylandSurface(
          over: widget, geometry, alwaysUploads: alwaysUploads, handsOver: handsOver)
      case .x11: return try X11Surface(over: widget, geometry, alwaysUploads: alwaysUploads)
      case nil: break
      }
    } catch {
      link.update { $0.fallback = error }
    }
    isEGLGivenUp = true
    return nil
  }

  private func drop() {
    place = nil
    guard surface != nil || isDrawnByGTK else { return }
    let surface = surface.take()
    isDrawnByGTK = false
    // The surface must outlive the canvas.
    withExtendedLifetime(surface) {
      link.orderAndWait { orders in
        orders.canvas = nil
        orders.place = nil
        orders.letsGo = true
      }
    }
  }

  /// The canvas has failed.
  func failed(_ error: GraphicsError) {
    if losses.isLast(error) {
      isEGLGivenUp = true
      link.update { $0.fallback = error }
    }
    drop()
    // The next frame of GTK's makes a new surface.
    gtk_widget_queue_draw(widget)
    guard !isEGLGivenUp else { return }
    pause = Timer(milliseconds: ContextLosses.pause) { [unowned self] in
      pause = nil
      gtk_widget_queue_draw(widget)
    }
  }
}

private func onStart(_ data: UnsafeMutableRawPointer?) -> gboolean {
  onMain(data, as: PictureStage.self) { $0.start() }
  return 0
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
