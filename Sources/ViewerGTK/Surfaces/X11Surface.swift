// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter
import VGPUDisplay

/// A native child window over the widget's area, drawn on by EGL: GTK's own GL on X11 is GLX, which
/// imports no dma-bufs. It selects no events, so that GTK goes on getting them, and is drawn on at
/// the widget's frame clock.
@MainActor
final class X11Surface: EGLSurface {
  let backend: ViewerStatistics.Backend? = .x11
  private let window: OpaquePointer
  private let clock: FrameClock
  private(set) var painter: EGLPainter?
  private var geometry: SurfaceGeometry
  private var isShown = false

  /// Makes the window as a child of the widget's. It is shown with the first frame.
  ///
  /// - Throws: `GraphicsError.Kind.unavailable`.
  init(
    over widget: UnsafeMutablePointer<GtkWidget>, _ geometry: SurfaceGeometry,
    alwaysUploads: Bool, ticks: any SurfaceTicks
  ) throws(GraphicsError) {
    let gdkDisplay = gtk_widget_get_display(widget)
    guard let parent = gtk_widget_get_window(widget),
      let display = gdk_x11_display_get_xdisplay(gdkDisplay),
      let screen = gtk_widget_get_screen(widget),
      let visual = gdk_x11_screen_lookup_visual(screen, vgpu_x11_default_visual(screen))
    else {
      throw GraphicsError(.unavailable, "X11", "the widget has no window")
    }
    var attributes = GdkWindowAttr()
    attributes.width = gint(geometry.width)
    attributes.height = gint(geometry.height)
    attributes.wclass = GDK_INPUT_OUTPUT
    attributes.window_type = GDK_WINDOW_CHILD
    attributes.visual = visual
    let mask = GDK_WA_X.rawValue | GDK_WA_Y.rawValue | GDK_WA_VISUAL.rawValue
    guard let window = gdk_window_new(parent, &attributes, gint(mask)),
      gdk_window_ensure_native(window) != 0
    else {
      throw GraphicsError(.unavailable, "X11", "gdk_window_ensure_native failed")
    }
    self.window = window
    self.geometry = geometry
    clock = FrameClock(of: widget, ticks)
    var xid = gdk_x11_window_get_xid(window)
    do throws(GraphicsError) {
      painter = try EGLPainter(
        .x11(
          display: UnsafeMutableRawPointer(display), visual: UInt(vgpu_x11_default_visual(screen))),
        window: &xid, size: geometry.pixels, alwaysUploads: alwaysUploads)
    } catch {
      dispose()
      throw error
    }
  }

  func place(_ geometry: SurfaceGeometry) {
    guard geometry != self.geometry else { return }
    self.geometry = geometry
    gdk_window_move_resize(window, 0, 0, gint(geometry.width), gint(geometry.height))
    painter?.window.size = geometry.pixels
  }

  func present(_ frame: Frame, _ mode: ScalingMode) throws(GraphicsError) -> Placement {
    guard let painter else { throw GraphicsError(.lost, "X11", "the window is gone") }
    if !isShown {
      isShown = true
      gdk_window_show_unraised(window)
    }
    clock.start()
    let placement = try painter.renderer.draw(frame, on: painter.window, mode: mode)
    try painter.window.swap()
    return placement
  }

  func hide() {
    painter?.renderer.releaseGoneBuffers()
    clock.stop()
    isShown = false
    gdk_window_hide(window)
  }

  func dispose() {
    clock.stop()
    painter = nil
    gdk_window_destroy(window)
  }
}
