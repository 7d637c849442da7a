// SPDX-License-Identifier: Apache-2.0

import CGTK3
import CX11
import EGLPresenter
import FramePacing
import FrameStatistics
import LinuxSystem
import VGPUDisplay

/// A child window over the widget's visible part. The render thread makes it and draws on it, because
/// GTK's own GL on X11 is GLX, which imports no dma-bufs. The window selects no input, so that GTK
/// still gets the input.
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
    guard let window = gdk_window_get_toplevel(gtk_widget_get_window(widget)),
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

/// The render thread's part of a window on X11. The time of the monitor's refreshes comes from the Present
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
      .x11(display: UnsafeMutableRawPointer(window.drawing.display), visual: maker.visual),
      window: &xid, keeping: window, size: maker.geometry.partSize,
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

  func place(_ geometry: SurfaceGeometry, withGTK: Bool) -> Bool {
    let area = geometry.device
    XMoveResizeWindow(
      window.display, window.id, Int32(area.x), Int32(area.y), UInt32(area.width),
      UInt32(area.height))
    painter.window.size = geometry.partSize
    // Requests of GTK's connection and of EGL's come after this one.
    XSync(window.display, 0)
    // A frame may wait for the monitor, and GTK should not, unless nothing is shown yet.
    return withGTK && !isShown
  }

  func present(
    _ frame: Frame, at placement: Placement, number: UInt64, damage: Damage?
  ) throws(GraphicsError) {
    let appears = !isShown
    try painter.renderer.draw(frame, at: placement, on: painter.window, damage: damage)
    if appears {
      isShown = true
      XMapWindow(window.display, window.id)
      // What EGL's connection brings to a window that is not mapped is lost.
      XSync(window.display, 0)
    }
    try painter.window.swap()
    // GTK may wait for this frame, and must not paint over it.
    if appears { window.drawing.sync() }
    lastNumber = number
    if hasPresent {
      vgpu_present_ask(&present, UInt32(truncatingIfNeeded: number))
    } else {
      XFlush(window.display)
    }
  }

  func hideWithGTK() {
    hide()
    // The server does not draw what GTK paints below a window.
    XSync(window.display, 0)
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

  func make(_ link: RenderLink) throws(GraphicsError) -> any Canvas { try X11Canvas(self) }
}

extension SurfaceGeometry {
  /// The visible part in device pixels of the native window.
  var device: PixelRectangle {
    PixelRectangle(
      x: scale.pixels(x) + part.x, y: scale.pixels(y) + part.y, width: part.width,
      height: part.height)
  }
}
