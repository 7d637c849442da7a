// SPDX-License-Identifier: Apache-2.0

import CGTK3
import CX11
import EGLPresenter
import FramePacing
import FrameStatistics
import LinuxSystem
import VGPUDisplay

/// A child window over the widget's area. The render thread makes it and draws on it by a
/// connection of its own, because GTK's own GL on X11 is GLX, which imports no dma-bufs. The window
/// selects no input, so that GTK still gets the input.
@MainActor
final class X11Surface: GuestSurface {
  let maker: any CanvasMaker

  /// Finds the parent of the future window.
  ///
  /// - Throws: `GraphicsError.Kind.unavailable`.
  init(
    over widget: UnsafeMutablePointer<GtkWidget>, _ geometry: SurfaceGeometry,
    alwaysUploads: Bool
  ) throws(GraphicsError) {
    guard let window = gtk_widget_get_window(gtk_widget_get_toplevel(widget)),
      let name = gdk_display_get_name(gtk_widget_get_display(widget)),
      let screen = gtk_widget_get_screen(widget)
    else {
      throw GraphicsError(.unavailable, "X11", "the widget has no window")
    }
    maker = X11CanvasMaker(
      display: String(cString: name), toplevel: UInt(gdk_x11_window_get_xid(window)),
      visual: UInt(vgpu_x11_default_visual(screen)), geometry: geometry,
      alwaysUploads: alwaysUploads)
    // The server must know the window before another connection names it.
    gdk_display_sync(gtk_widget_get_display(widget))
  }
}

/// The render thread's window on X11. The time of the monitor's refreshes comes from the Present
/// extension, when the server has it.
final class X11Canvas: EGLCanvas {
  let painter: EGLPainter
  let asksForFrames = false
  let descriptor: Int32
  var events: [CanvasEvent] = []
  private let window: X11Window
  private var present = vgpu_present()
  private let hasPresent: Bool
  private var isShown = false
  private var lastNumber: UInt64 = 0

  var feedback: FeedbackSource { hasPresent ? .present : .timer }

  init(_ maker: X11CanvasMaker) throws(GraphicsError) {
    let window = try X11Window(maker)
    var xid = window.id
    painter = try EGLPainter(
      .x11(display: UnsafeMutableRawPointer(window.display), visual: maker.visual),
      window: &xid, keeping: window, size: maker.geometry.pixels,
      alwaysUploads: maker.alwaysUploads,
      // On X11 only the server itself can keep a picture from tearing.
      swapInterval: 1)
    self.window = window
    descriptor = vgpu_x11_fd(window.display)
    hasPresent = vgpu_present_begin(window.display, window.id, &present)
  }

  deinit {
    if hasPresent { vgpu_present_end(&present) }
  }

  func prepare() {
    XFlush(window.display)
    hear()
  }

  func read(isReadable: Bool) {
    if isReadable { hear() }
  }

  private func hear() {
    switch vgpu_x11_next_change(window.display) {
    case vgpu_x11_covered: events.append(.covered(true))
    case vgpu_x11_seen: events.append(.covered(false))
    default: break
    }
    guard hasPresent else { return }
    var (serial, microseconds, sequence) = (UInt32(0), UInt64(0), UInt64(0))
    while vgpu_present_next(&present, &serial, &microseconds, &sequence) {
      // The server returns only the lower half of the number.
      let age = UInt32(truncatingIfNeeded: lastNumber) &- serial
      guard UInt64(age) < lastNumber else { continue }
      let (nanoseconds, overflows) = microseconds.multipliedReportingOverflow(by: 1000)
      events.append(
        .presented(
          lastNumber - UInt64(age),
          PresentationFeedback(
            time: MonotonicInstant(nanoseconds: overflows ? .max : nanoseconds), interval: 0,
            sequence: sequence)))
    }
  }

  func place(_ geometry: SurfaceGeometry) {
    let area = geometry.device
    XMoveResizeWindow(
      window.display, window.id, Int32(area.x), Int32(area.y), UInt32(area.width),
      UInt32(area.height))
    painter.window.size = geometry.pixels
  }

  func present(
    _ frame: Frame, at placement: Placement, number: UInt64, damage: Damage?
  ) throws(GraphicsError) {
    if !isShown {
      isShown = true
      XMapWindow(window.display, window.id)
    }
    try painter.renderer.draw(frame, at: placement, on: painter.window)
    try painter.window.swap()
    lastNumber = number
    if hasPresent {
      vgpu_present_ask(&present, UInt32(truncatingIfNeeded: number))
    } else {
      XFlush(window.display)
    }
  }

  func hide() {
    painter.renderer.releaseGoneBuffers()
    isShown = false
    XUnmapWindow(window.display, window.id)
    XFlush(window.display)
  }
}

/// Makes the canvas of an X11 surface.
struct X11CanvasMaker: CanvasMaker {
  /// The server's name.
  let display: String
  /// The parent window (`Window`).
  let toplevel: UInt
  /// The visual (`VisualID`) of the new window.
  let visual: UInt
  let geometry: SurfaceGeometry
  let alwaysUploads: Bool

  var backend: ViewerStatistics.Backend? { .x11 }

  func make(_ link: RenderLink) throws(GraphicsError) -> any Canvas { try X11Canvas(self) }
}

extension SurfaceGeometry {
  /// The area in device pixels of the toplevel's window.
  fileprivate var device: PixelRectangle {
    PixelRectangle(
      x: x * scale, y: y * scale, width: width * scale, height: height * scale)
  }
}

/// A child window on a connection of its own to the X server. Only one thread uses the connection,
/// and the window ends with it.
private final class X11Window {
  /// An Xlib `Display *`.
  let display: OpaquePointer
  let id: Window

  /// XOpenDisplay, XCreateWindow. The window is not mapped yet.
  ///
  /// - Throws: `GraphicsError.Kind.unavailable`.
  init(_ maker: X11CanvasMaker) throws(GraphicsError) {
    guard let display = XOpenDisplay(maker.display) else {
      throw GraphicsError(.unavailable, "X11", "\(maker.display) takes no second connection")
    }
    self.display = display
    let area = maker.geometry.device
    id = vgpu_x11_create_window(
      display, Window(maker.toplevel), VisualID(maker.visual), Int32(area.x), Int32(area.y),
      UInt32(area.width), UInt32(area.height))
    guard id != 0 else {
      throw GraphicsError(.unavailable, "X11", "the default visual cannot be used")
    }
    // The server does not report an iconified window as obscured.
    XSelectInput(display, Window(maker.toplevel), StructureNotifyMask)
  }

  deinit { XCloseDisplay(display) }
}
