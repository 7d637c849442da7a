// SPDX-License-Identifier: Apache-2.0

import CGTK3
import CLinux
import CWayland
import CWaylandProtocols
import EGLPresenter
import VGPUDisplay

/// A desynchronised `wl_subsurface` over the widget's area. It takes no input, so that GTK still
/// gets the input. The render thread draws on the surface. GTK's thread moves it, because its place
/// changes with the parent's commits.
@MainActor
final class WaylandSurface: GuestSurface {
  let maker: any CanvasMaker
  private let widget: UnsafeMutablePointer<GtkWidget>
  private let subsurface: WaylandObject
  private let window: WaylandObject
  private let presentation: WaylandObject?
  private let handover: HandoverObjects?
  private var geometry: SurfaceGeometry

  /// Makes the surface above the toplevel's surface. It becomes visible with the first frame.
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
    else { throw Self.failure("the window has no wl_surface") }
    guard let globals = WaylandGlobals(display) else {
      throw Self.failure("the connection to the compositor is lost")
    }
    guard let subcompositor = globals.subcompositor else {
      throw Self.failure("the compositor has no wl_subcompositor")
    }
    // The connection is GDK's and stays open. The flush tells the compositor of destroyed objects
    // at once.
    guard let connection = WaylandObject(display, on: [], destroy: { wl_display_flush($0) }),
      let queue = WaylandObject(
        wl_display_create_queue(display), on: [connection], destroy: wl_event_queue_destroy)
    else { throw Self.failure("no memory for an event queue") }
    guard let surface = Self.makeSurface(compositor, queue) else {
      throw Self.failure("wl_compositor.create_surface failed")
    }
    guard
      let subsurface = WaylandObject(
        wl_subcompositor_get_subsurface(subcompositor.pointer, surface.pointer, parent),
        on: [surface], destroy: wl_subsurface_destroy)
    else { throw Self.failure("wl_subcompositor.get_subsurface failed") }
    let pixels = geometry.pixels
    guard
      let window = WaylandObject(
        wl_egl_window_create(surface.pointer, Int32(pixels.width), Int32(pixels.height)),
        on: [subsurface], destroy: wl_egl_window_destroy)
    else { throw Self.failure("wl_egl_window_create failed") }
    handover =
      handsOver
      ? HandoverObjects(globals, above: surface, queue: queue) {
        Self.makeSurface(compositor, queue)
      } : nil
    presentation = globals.presentation.flatMap {
      WaylandObject.wrapper(of: $0.pointer, on: [$0], queue: queue)
    }
    self.widget = widget
    self.subsurface = subsurface
    self.window = window
    self.geometry = geometry
    let handles = WaylandHandles(
      display: display, queue: queue.pointer, compositor: compositor, surface: surface.pointer,
      window: window.pointer, presentation: presentation?.pointer,
      isMonotonic: globals.presentationClock == UInt32(CLOCK_MONOTONIC),
      handover: handover?.handles)
    maker = WaylandCanvasMaker(
      handles: handles, geometry: geometry, alwaysUploads: alwaysUploads, handsOver: handsOver)
    wl_subsurface_set_desync(subsurface.pointer)
    if let nothing = wl_compositor_create_region(compositor) {
      wl_surface_set_input_region(surface.pointer, nothing)
      if let handover { wl_surface_set_input_region(handover.handles.surface, nothing) }
      wl_region_destroy(nothing)
    }
    move()
  }

  private static func failure(_ cause: String) -> GraphicsError {
    GraphicsError(.unavailable, "Wayland", cause)
  }

  /// Makes a surface that has its events on a queue of its own. So have all objects made from it.
  private static func makeSurface(
    _ compositor: OpaquePointer, _ queue: WaylandObject
  ) -> WaylandObject? {
    guard let wrapper = WaylandObject.wrapper(of: compositor, queue: queue) else { return nil }
    return WaylandObject(
      wl_compositor_create_surface(wrapper.pointer), on: [queue], destroy: wl_surface_destroy)
  }

  func place(_ geometry: SurfaceGeometry) {
    guard geometry != self.geometry else { return }
    self.geometry = geometry
    move()
  }

  /// The position takes effect with the parent's next commit.
  private func move() {
    wl_subsurface_set_position(subsurface.pointer, Int32(geometry.x), Int32(geometry.y))
    gtk_widget_queue_draw(gtk_widget_get_toplevel(widget))
  }
}

/// The objects of the compositor's connection that GTK's thread has made for a render thread.
struct WaylandHandles: @unchecked Sendable {
  // Sendable: the values never change, libwayland takes requests and reads events on any thread,
  // and the objects' own events come on `queue`, which the render thread alone dispatches. The
  // `WaylandSurface` destroys the objects on GTK's thread, after the render thread has released
  // them.

  /// `wl_display`, GDK's.
  let display: OpaquePointer
  /// The queue for the events of all objects below.
  let queue: OpaquePointer
  /// `wl_compositor`, GDK's: for regions, which have no events.
  let compositor: OpaquePointer
  /// `wl_surface`.
  let surface: OpaquePointer
  /// `wl_egl_window` of the surface.
  let window: OpaquePointer
  /// `wp_presentation`, with its events on `queue`; `nil` when the compositor has none.
  let presentation: OpaquePointer?
  /// Whether the presentation's timestamps are of CLOCK_MONOTONIC.
  let isMonotonic: Bool
  /// The objects that hand the guest's buffers to the compositor; `nil` when it takes none.
  let handover: HandoverHandles?
}
