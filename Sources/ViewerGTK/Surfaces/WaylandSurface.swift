// SPDX-License-Identifier: Apache-2.0

import CGTK3
import CLinux
import CWayland
import CWaylandProtocols
import EGLPresenter
import VGPUDisplay

/// A desynchronised `wl_subsurface` over the widget's area. It takes no input, so that GTK goes on
/// getting it. The render thread draws on it; GTK's moves it, which is a matter of the parent's
/// commits.
@MainActor
final class WaylandSurface: GuestSurface {
  let maker: any CanvasMaker
  private let widget: UnsafeMutablePointer<GtkWidget>
  private let globals: WaylandGlobals
  private let handles: WaylandHandles
  private let subsurface: OpaquePointer
  private var geometry: SurfaceGeometry

  /// Makes the surface above the toplevel's. It is shown with the first frame.
  ///
  /// - Throws: `GraphicsError.Kind.unavailable`.
  init(
    over widget: UnsafeMutablePointer<GtkWidget>, _ geometry: SurfaceGeometry,
    alwaysUploads: Bool, handsOver: Bool
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
    guard let queue = wl_display_create_queue(display) else {
      globals.dispose()
      throw GraphicsError(.unavailable, "Wayland", "no memory for an event queue")
    }
    guard let surface = Self.makeSurface(compositor, queue) else {
      wl_event_queue_destroy(queue)
      globals.dispose()
      throw GraphicsError(.unavailable, "Wayland", "wl_compositor.create_surface failed")
    }
    guard let subsurface = wl_subcompositor_get_subsurface(subcompositor, surface, parent) else {
      wl_surface_destroy(surface)
      wl_event_queue_destroy(queue)
      globals.dispose()
      throw GraphicsError(.unavailable, "Wayland", "wl_subcompositor.get_subsurface failed")
    }
    let pixels = geometry.pixels
    guard
      let window = wl_egl_window_create(surface, Int32(pixels.width), Int32(pixels.height))
    else {
      wl_subsurface_destroy(subsurface)
      wl_surface_destroy(surface)
      wl_event_queue_destroy(queue)
      globals.dispose()
      throw GraphicsError(.unavailable, "Wayland", "wl_egl_window_create failed")
    }
    let handover =
      handsOver
      ? HandoverHandles(globals, above: surface, queue: queue) {
        Self.makeSurface(compositor, queue)
      } : nil
    self.widget = widget
    self.globals = globals
    self.subsurface = subsurface
    self.geometry = geometry
    if let presentation = globals.presentation {
      vgpu_wl_move_to_queue(UnsafeMutableRawPointer(presentation), queue)
    }
    handles = WaylandHandles(
      display: display, queue: queue, compositor: compositor, surface: surface, window: window,
      presentation: globals.presentation,
      isMonotonic: globals.presentationClock == UInt32(CLOCK_MONOTONIC), handover: handover)
    maker = WaylandCanvasMaker(
      handles: handles, geometry: geometry, alwaysUploads: alwaysUploads, handsOver: handsOver)
    wl_subsurface_set_desync(subsurface)
    if let nothing = wl_compositor_create_region(compositor) {
      wl_surface_set_input_region(surface, nothing)
      if let handover { wl_surface_set_input_region(handover.surface, nothing) }
      wl_region_destroy(nothing)
    }
    move()
  }

  /// A surface whose events, and those of all that it makes, come on a queue of their own.
  private static func makeSurface(
    _ compositor: OpaquePointer, _ queue: OpaquePointer
  ) -> OpaquePointer? {
    guard let wrapper = vgpu_wl_wrap(compositor) else { return nil }
    defer { vgpu_wl_release_wrapper(wrapper) }
    vgpu_wl_set_queue(wrapper, queue)
    return wl_compositor_create_surface(wrapper)
  }

  func place(_ geometry: SurfaceGeometry) {
    guard geometry != self.geometry else { return }
    self.geometry = geometry
    move()
  }

  /// The position takes effect with the parent's next commit.
  private func move() {
    wl_subsurface_set_position(subsurface, Int32(geometry.x), Int32(geometry.y))
    gtk_widget_queue_draw(gtk_widget_get_toplevel(widget))
  }

  func dispose() {
    handles.handover?.dispose()
    wl_egl_window_destroy(handles.window)
    wl_subsurface_destroy(subsurface)
    wl_surface_destroy(handles.surface)
    globals.dispose()
    wl_event_queue_destroy(handles.queue)
    wl_display_flush(handles.display)
  }
}

/// What GTK's thread has made of the compositor's connection for a render thread to draw with.
struct WaylandHandles: @unchecked Sendable {
  // Sendable: the values never change, libwayland takes requests and reads events on any thread, and
  // the objects' own events come on `queue`, which the render thread alone dispatches. GTK's thread
  // releases them when that has let go.

  /// `wl_display`, GDK's.
  let display: OpaquePointer
  /// The queue that the events of all below come on.
  let queue: OpaquePointer
  /// `wl_compositor`, GDK's: for regions, which have no events.
  let compositor: OpaquePointer
  /// `wl_surface`.
  let surface: OpaquePointer
  /// `wl_egl_window` of the surface.
  let window: OpaquePointer
  /// `wp_presentation`; `nil` where the compositor has none.
  let presentation: OpaquePointer?
  /// The presentation's timestamps are of CLOCK_MONOTONIC.
  let isMonotonic: Bool
  /// What the guest's buffers are handed to the compositor with; `nil` where it takes none.
  let handover: HandoverHandles?
}
