// SPDX-License-Identifier: Apache-2.0

import CGTK3
import CWayland
import CWaylandProtocols

/// A lock of the pointer by the compositor (pointer-constraints). relative-pointer tells the motion
/// as the mouse reports it, without the host's acceleration, because the guest has its own. A
/// toplevel and seat may have only one lock at a time; `InputGrab` sees to that.
@MainActor
final class WaylandPointerLock: PointerLock {
  private unowned let motion: any PointerLockMotion
  private let globals: WaylandGlobals
  private var hasEnded = false
  private let display: OpaquePointer
  private var locked: OpaquePointer?
  private var relative: OpaquePointer?

  /// `nil` when the compositor lacks one of the protocols.
  init?(_ widget: UnsafeMutablePointer<GtkWidget>, _ motion: any PointerLockMotion) {
    let gdkDisplay = gtk_widget_get_display(widget)
    guard let display = gdk_wayland_display_get_wl_display(gdkDisplay),
      let window = gtk_widget_get_window(gtk_widget_get_toplevel(widget)),
      let surface = gdk_wayland_window_get_wl_surface(window),
      let device = gdk_seat_get_pointer(gdk_display_get_default_seat(gdkDisplay)),
      let pointer = gdk_wayland_device_get_wl_pointer(device),
      let globals = WaylandGlobals(display)
    else { return nil }
    guard let constraints = globals.pointerConstraints, let managers = globals.relativePointers,
      // Its events must come on GDK's queue, which is dispatched, and not on the queue of the
      // globals.
      let manager = vgpu_wl_wrap(managers)
    else { return nil }
    self.motion = motion
    self.globals = globals
    self.display = display
    vgpu_wl_set_queue(manager, nil)
    relative = zwp_relative_pointer_manager_v1_get_relative_pointer(manager, pointer)
    vgpu_wl_release_wrapper(manager)
    // The lock is persistent: it comes back with the focus, until this object ends it.
    locked = zwp_pointer_constraints_v1_lock_pointer(
      constraints, surface, pointer, nil,
      ZWP_POINTER_CONSTRAINTS_V1_LIFETIME_PERSISTENT.rawValue)
    if let relative {
      zwp_relative_pointer_v1_add_listener(relative, Self.listener, Unmanaged.borrowed(self))
    }
    wl_display_flush(display)
  }

  isolated deinit { end() }

  func moved(toX x: Double, y: Double) {}

  func end() {
    guard !hasEnded else { return }
    hasEnded = true
    if let relative { zwp_relative_pointer_v1_destroy(relative) }
    if let locked { zwp_locked_pointer_v1_destroy(locked) }
    wl_display_flush(display)
  }

  fileprivate func moved(dx: wl_fixed_t, dy: wl_fixed_t) {
    motion.moved(dx: wl_fixed_to_double(dx), dy: wl_fixed_to_double(dy))
  }

  /// It is never moved and never freed, because libwayland keeps its address.
  private static let listener: UnsafeMutablePointer<zwp_relative_pointer_v1_listener> = {
    let listener = UnsafeMutablePointer<zwp_relative_pointer_v1_listener>.allocate(capacity: 1)
    listener.initialize(
      to: zwp_relative_pointer_v1_listener { data, _, _, _, _, _, dx, dy in
        onMain(data, as: WaylandPointerLock.self) { $0.moved(dx: dx, dy: dy) }
      })
    return listener
  }()
}
