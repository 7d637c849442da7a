// SPDX-License-Identifier: Apache-2.0

import CGTK3
import CLinux
import CWayland
import CWaylandProtocols
import EGLPresenter
import VGPUDisplay

/// A `wl_subsurface` over the widget's visible part, just above the surface that GTK draws on, and so
/// below GTK's own subsurfaces, its popovers. It takes no input, so that GTK still gets the input.
/// The render thread draws on the surface. GTK's thread moves it, because its place changes with the
/// parent's commits.
@MainActor
final class WaylandSurface: GuestSurface {
  let maker: any CanvasMaker
  private let native: OpaquePointer
  private let subsurface: WaylandObject
  private let window: WaylandObject
  private let presentation: WaylandObject?
  private let viewport: WaylandObject?
  private let fractionalScale: WaylandObject?
  private let handover: HandoverObjects?
  private var geometry: SurfaceGeometry

  /// Makes the surface above the surface of the widget's native window. It becomes visible with the
  /// first frame.
  ///
  /// - Throws: `GraphicsError.Kind.unavailable`.
  init(
    over widget: UnsafeMutablePointer<GtkWidget>, _ geometry: SurfaceGeometry,
    alwaysUploads: Bool, handsOver: Bool
  ) throws(GraphicsError) {
    let gdkDisplay = gtk_widget_get_display(widget)
    guard let display = gdk_wayland_display_get_wl_display(gdkDisplay),
      let compositor = gdk_wayland_display_get_wl_compositor(gdkDisplay),
      let native = gdk_window_get_toplevel(gtk_widget_get_window(widget)),
      let parent = gdk_wayland_window_get_wl_surface(native)
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
    let maker = globals.compositor?.pointer ?? compositor
    guard let surface = Self.makeSurface(maker, queue) else {
      throw Self.failure("wl_compositor.create_surface failed")
    }
    guard
      let subsurface = WaylandObject(
        wl_subcompositor_get_subsurface(subcompositor.pointer, surface.pointer, parent),
        on: [surface], destroy: wl_subsurface_destroy)
    else { throw Self.failure("wl_subcompositor.get_subsurface failed") }
    let pixels = geometry.partSize
    guard
      let window = WaylandObject(
        wl_egl_window_create(surface.pointer, Int32(pixels.width), Int32(pixels.height)),
        on: [subsurface], destroy: wl_egl_window_destroy)
    else { throw Self.failure("wl_egl_window_create failed") }
    handover =
      handsOver
      ? HandoverObjects(globals, above: surface, queue: queue) {
        Self.makeSurface(maker, queue)
      } : nil
    presentation = globals.presentation.flatMap {
      WaylandObject.wrapper(of: $0.pointer, on: [$0], queue: queue)
    }
    viewport = globals.viewport(of: surface)
    fractionalScale = globals.fractionalScales.flatMap { global in
      guard let manager = WaylandObject.wrapper(of: global.pointer, on: [global], queue: queue)
      else { return nil }
      return WaylandObject(
        wp_fractional_scale_manager_v1_get_fractional_scale(manager.pointer, surface.pointer),
        on: [surface], destroy: wp_fractional_scale_v1_destroy)
    }
    self.native = native
    self.subsurface = subsurface
    self.window = window
    self.geometry = geometry
    let handles = WaylandHandles(
      display: display, queue: queue.pointer, compositor: compositor, surface: surface.pointer,
      subsurface: subsurface.pointer, window: window.pointer, presentation: presentation?.pointer,
      isMonotonic: globals.presentationClock == UInt32(CLOCK_MONOTONIC),
      viewport: viewport?.pointer, fractionalScale: fractionalScale?.pointer,
      handover: handover?.handles)
    self.maker = WaylandCanvasMaker(
      handles: handles, geometry: geometry, alwaysUploads: alwaysUploads, handsOver: handsOver)
    wl_subsurface_set_desync(subsurface.pointer)
    wl_subsurface_place_above(subsurface.pointer, parent)
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
    self.geometry = geometry
    move()
  }

  /// The position, and what the render thread commits together with GTK, take effect with the
  /// parent's next commit. GDK makes that when it has painted anything: one pixel is enough.
  private func move() {
    wl_subsurface_set_position(
      subsurface.pointer, Int32(geometry.x + geometry.visible.x),
      Int32(geometry.y + geometry.visible.y))
    var pixel = GdkRectangle(x: 0, y: 0, width: 1, height: 1)
    gdk_window_invalidate_rect(native, &pixel, 0)
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
  /// `wl_subsurface` of the surface.
  let subsurface: OpaquePointer
  /// `wl_egl_window` of the surface.
  let window: OpaquePointer
  /// `wp_presentation`, with its events on `queue`; `nil` when the compositor has none.
  let presentation: OpaquePointer?
  /// Whether the presentation's timestamps are of CLOCK_MONOTONIC.
  let isMonotonic: Bool
  /// `wp_viewport` of the surface; `nil` when the compositor has none.
  let viewport: OpaquePointer?
  /// `wp_fractional_scale_v1` of the surface; `nil` when the compositor has none.
  let fractionalScale: OpaquePointer?
  /// The objects that hand the guest's buffers to the compositor; `nil` when it takes none.
  let handover: HandoverHandles?
}
