// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// All of keyboard and mouse for the guest (gdk_seat_grab), the window manager's own shortcuts too
/// where the display server allows that.
@MainActor
final class InputGrab {
  private let seat: UnsafeMutablePointer<GdkSeat>
  private let cursor: OpaquePointer?
  /// `nil` where the pointer cannot be locked: it stays an absolute one.
  let lock: (any PointerLock)?

  /// `nil` when the display server refuses, as where another program has a grab.
  init?(_ widget: UnsafeMutablePointer<GtkWidget>, _ motion: any PointerLockMotion) {
    let display = gtk_widget_get_display(widget)
    guard let window = gtk_widget_get_window(widget),
      let seat = gdk_display_get_default_seat(display)
    else { return nil }
    cursor = gdk_cursor_new_from_name(display, "none")
    let status = gdk_seat_grab(
      seat, window, GDK_SEAT_CAPABILITY_ALL, 0, cursor, nil, nil, nil)
    guard status == GDK_GRAB_SUCCESS else {
      if let cursor { g_object_unref(UnsafeMutableRawPointer(cursor)) }
      return nil
    }
    self.seat = seat
    lock =
      vgpu_gdk_is_wayland(display) != 0
      ? WaylandPointerLock(widget, motion) : X11PointerLock(widget, motion)
  }

  /// Gives keyboard and mouse back.
  func end() {
    lock?.end()
    gdk_seat_ungrab(seat)
    if let cursor { g_object_unref(UnsafeMutableRawPointer(cursor)) }
  }
}
