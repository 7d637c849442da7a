// SPDX-License-Identifier: Apache-2.0

import CGTK3
import CX11
import EGLPresenter
import FramePacing
import LinuxSystem
import VGPUDisplay

/// A child window over the widget's area, which the render thread makes and draws on by a connection
/// of its own: GTK's own GL on X11 is GLX, which imports no dma-bufs. It selects no input, so that
/// GTK goes on getting it.
@MainActor
final class X11Surface: GuestSurface {
  let maker: any CanvasMaker

  /// Finds out what the window will be a child of.
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
/// extension, where the server has it.
final class X11Canvas: EGLCanvas {
  let painter: EGLPainter
  let asksForFrames = false
  let descriptor: Int32
  var events: [CanvasEvent] = []
  // Released last: the window is on it, and EGL.
  private let connection: X11Connection
  private let window: Window
  private var present = vgpu_present()
  private let hasPresent: Bool
  private var isShown = false
  private var lastNumber: UInt64 = 0

  var feedback: ViewerStatistics.Feedback { hasPresent ? .present : .timer }

  init(_ maker: X11CanvasMaker) throws(GraphicsError) {
    let connection = try X11Connection(maker.display)
    let area = maker.geometry.device
    let window = vgpu_x11_create_window(
      connection.display, Window(maker.toplevel), VisualID(maker.visual), Int32(area.x),
      Int32(area.y), UInt32(area.width), UInt32(area.height))
    guard window != 0 else {
      throw GraphicsError(.unavailable, "X11", "the default visual cannot be used")
    }
    // Of an iconified window no part is obscured.
    XSelectInput(connection.display, Window(maker.toplevel), StructureNotifyMask)
    var xid = window
    painter = try EGLPainter(
      .x11(display: UnsafeMutableRawPointer(connection.display), visual: maker.visual),
      window: &xid, size: maker.geometry.pixels, alwaysUploads: maker.alwaysUploads,
      // Here nobody but the server itself keeps a picture from being torn.
      swapInterval: 1)
    self.connection = connection
    self.window = window
    descriptor = vgpu_x11_fd(connection.display)
    hasPresent = vgpu_present_begin(connection.display, window, &present)
  }

  deinit {
    if hasPresent { vgpu_present_end(&present) }
  }

  func prepare() {
    XFlush(connection.display)
    hear()
  }

  func read(isReadable: Bool) {
    if isReadable { hear() }
  }

  private func hear() {
    switch vgpu_x11_next_change(connection.display) {
    case vgpu_x11_covered: events.append(.covered(true))
    case vgpu_x11_seen: events.append(.covered(false))
    default: break
    }
    guard hasPresent else { return }
    var (serial, microseconds, sequence) = (UInt32(0), UInt64(0), UInt64(0))
    while vgpu_present_next(&present, &serial, &microseconds, &sequence) {
      // The server repeats the lower half of the number.
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
      connection.display, window, Int32(area.x), Int32(area.y), UInt32(area.width),
      UInt32(area.height))
    painter.window.size = geometry.pixels
  }

  func present(
    _ frame: Frame, _ mode: ScalingMode, number: UInt64, damage: Damage?
  ) throws(GraphicsError) -> Placement {
    if !isShown {
      isShown = true
      XMapWindow(connection.display, window)
    }
    let placement = try painter.renderer.draw(frame, on: painter.window, mode: mode)
    try painter.window.swap()
    lastNumber = number
    if hasPresent {
      vgpu_present_ask(&present, UInt32(truncatingIfNeeded: number))
    } else {
      XFlush(connection.display)
    }
    return placement
  }

  func hide() {
    painter.renderer.releaseGoneBuffers()
    isShown = false
    XUnmapWindow(connection.display, window)
    XFlush(connection.display)
  }
}

/// Makes the canvas of an X11 surface.
struct X11CanvasMaker: CanvasMaker {
  /// The server's name.
  let display: String
  /// The window (`Window`) that it is a child of.
  let toplevel: UInt
  /// The visual (`VisualID`) that it gets.
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

/// A connection to the X server, which one thread alone uses.
final class X11Connection {
  /// An Xlib `Display *`.
  let display: OpaquePointer

  /// XOpenDisplay.
  ///
  /// - Throws: `GraphicsError.Kind.unavailable`.
  init(_ name: String) throws(GraphicsError) {
    guard let display = XOpenDisplay(name) else {
      throw GraphicsError(.unavailable, "X11", "\(name) takes no second connection")
    }
    self.display = display
  }

  deinit { XCloseDisplay(display) }
}
