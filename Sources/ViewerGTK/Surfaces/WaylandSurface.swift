// SPDX-License-Identifier: Apache-2.0

import CGTK3
import CWayland
import EGLPresenter
import VGPUDisplay

/// A desynchronised `wl_subsurface` over the widget's area, drawn on by EGL. It takes no input, so
/// that GTK goes on getting it, and is drawn on whenever the compositor asks for a frame of this
/// very surface (wl_surface.frame).
@MainActor
final class WaylandSurface: EGLSurface {
  let backend: ViewerStatistics.Backend? = .wayland
  private let display: OpaquePointer
  private let widget: UnsafeMutablePointer<GtkWidget>
  private unowned let ticks: any SurfaceTicks
  private let globals: WaylandGlobals
  private let compositor: OpaquePointer
  private let surface: OpaquePointer
  private let subsurface: OpaquePointer
  private let window: OpaquePointer
  private(set) var painter: EGLPainter?
  private var callback: OpaquePointer?
  private var geometry: SurfaceGeometry

  /// Makes the surface above the toplevel's. It is shown with the first frame.
  ///
  /// - Throws: `GraphicsError.Kind.unavailable`.
  init(
    over widget: UnsafeMutablePointer<GtkWidget>, _ geometry: SurfaceGeometry,
    alwaysUploads: Bool, ticks: any SurfaceTicks
  ) throws(GraphicsError) {
    let gdkDisplay = gtk_widget_get_display(widget)
    let toplevel = gtk_widget_get_toplevel(widget)
    guard let display = gdk_wayland_display_get_wl_display(gdkDisplay),
      let compositor = gdk_wayland_display_get_wl_compositor(gdkDisplay),
      let parent = gdk_wayland_window_get_wl_surface(gtk_widget_get_window(toplevel))
    else {
      throw GraphicsError(.unavailable, "Wayland", "the window has no wl_surface")
    }
    guard let globals = WaylandGlobals(display) else {
      throw GraphicsError(.unavailable, "Wayland", "the connection to the compositor is lost")
    }
    guard let subcompositor = globals.subcompositor else {
      globals.dispose()
      throw GraphicsError(.unavailable, "Wayland", "the compositor has no wl_subcompositor")
    }
    guard let surface = wl_compositor_create_surface(compositor) else {
      globals.dispose()
      throw GraphicsError(.unavailable, "Wayland", "wl_compositor.create_surface failed")
    }
    let pixels = geometry.pixels
    guard let subsurface = wl_subcompositor_get_subsurface(subcompositor, surface, parent) else {
      wl_surface_destroy(surface)
      globals.dispose()
      throw GraphicsError(.unavailable, "Wayland", "wl_subcompositor.get_subsurface failed")
    }
    guard
      let window = wl_egl_window_create(surface, Int32(pixels.width), Int32(pixels.height))
    else {
      wl_subsurface_destroy(subsurface)
      wl_surface_destroy(surface)
      globals.dispose()
      throw GraphicsError(.unavailable, "Wayland", "wl_egl_window_create failed")
    }
    self.display = display
    self.widget = widget
    self.ticks = ticks
    self.globals = globals
    self.compositor = compositor
    self.surface = surface
    self.subsurface = subsurface
    self.window = window
    self.geometry = geometry
    wl_subsurface_set_desync(subsurface)
    if let nothing = wl_compositor_create_region(compositor) {
      wl_surface_set_input_region(surface, nothing)
      wl_region_destroy(nothing)
    }
    apply()
    do {
      painter = try EGLPainter(
        .wayland(display: UnsafeMutableRawPointer(display)),
        window: UnsafeMutableRawPointer(window), size: pixels, alwaysUploads: alwaysUploads)
    } catch {
      dispose()
      throw error
    }
  }

  func place(_ geometry: SurfaceGeometry) {
    guard geometry != self.geometry else { return }
    self.geometry = geometry
    let pixels = geometry.pixels
    wl_egl_window_resize(window, Int32(pixels.width), Int32(pixels.height), 0, 0)
    painter?.window.size = pixels
    apply()
  }

  /// The position takes effect with the parent's next commit, the rest with this surface's.
  private func apply() {
    wl_subsurface_set_position(subsurface, Int32(geometry.x), Int32(geometry.y))
    wl_surface_set_buffer_scale(surface, Int32(geometry.scale))
    if let all = wl_compositor_create_region(compositor) {
      wl_region_add(all, 0, 0, Int32(geometry.width), Int32(geometry.height))
      wl_surface_set_opaque_region(surface, all)
      wl_region_destroy(all)
    }
    gtk_widget_queue_draw(gtk_widget_get_toplevel(widget))
  }

  func present(_ frame: Frame, _ mode: ScalingMode) throws(GraphicsError) -> Placement {
    guard let painter else { throw GraphicsError(.lost, "Wayland", "the surface is gone") }
    let placement = try painter.renderer.draw(frame, on: painter.window, mode: mode)
    // Before the commit that swapping makes, which it belongs to.
    if callback == nil, let callback = wl_surface_frame(surface) {
      self.callback = callback
      wl_callback_add_listener(callback, Self.listener, Unmanaged.borrowed(self))
    }
    try painter.window.swap()
    return placement
  }

  func hide() {
    painter?.renderer.releaseGoneBuffers()
    forgetCallback()
    wl_surface_attach(surface, nil, 0, 0)
    wl_surface_commit(surface)
    wl_display_flush(display)
  }

  func dispose() {
    forgetCallback()
    painter = nil
    wl_egl_window_destroy(window)
    wl_subsurface_destroy(subsurface)
    wl_surface_destroy(surface)
    globals.dispose()
    wl_display_flush(display)
  }

  private func forgetCallback() {
    if let callback { wl_callback_destroy(callback) }
    callback = nil
  }

  private func isDue() {
    forgetCallback()
    ticks.tick()
  }

  /// libwayland keeps the address: never moved, never freed.
  private static let listener: UnsafeMutablePointer<wl_callback_listener> = {
    let listener = UnsafeMutablePointer<wl_callback_listener>.allocate(capacity: 1)
    listener.initialize(
      to: wl_callback_listener { data, _, _ in
        // Isolated like its surroundings, and without the allocation of `onMain`: once per frame.
        guard let data else { return }
        Unmanaged<WaylandSurface>.fromOpaque(data).takeUnretainedValue().isDue()
      })
    return listener
  }()
}
