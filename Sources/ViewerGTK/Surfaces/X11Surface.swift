// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter

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
