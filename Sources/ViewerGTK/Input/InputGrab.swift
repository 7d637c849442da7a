// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// A grab of keyboard and mouse for the guest (gdk_seat_grab). It includes the window manager's own
/// shortcuts when the display server allows that.
@MainActor
final class InputGrab {
  private let seat: UnsafeMutablePointer<GdkSeat>
  private let cursor: OpaquePointer?
  /// `nil` when the pointer cannot be locked: it stays an absolute pointer.
  let lock: (any PointerLock)?
  private let isTaken: @MainActor () -> Void

  /// The present grab, which the views of one window share. A person has one keyboard and one
  /// mouse, and a compositor ends a program that locks the pointer of a window twice
  /// (pointer-constraints, `already_constrained`).
  private static weak var current: InputGrab?

  /// Takes over from another view of this program that has the grab.
  ///
  /// - Parameter isTaken: called when another view takes over; it ends this grab.
  /// - Returns: `nil` when the display server refuses, for example because another program has a
  ///   grab.
  init?(
    _ widget: UnsafeMutablePointer<GtkWidget>, _ motion: any PointerLockMotion,
    isTaken: @escaping @MainActor () -> Void
  ) {
    let other = Self.current
    // The old grab is replaced, not ended first, because the X server would then tell the window
    // late that the focus went.
    Self.current = nil
    other?.isTaken()
    let display = gtk_widget_get_display(widget)
    guard let window = gtk_widget_get_window(widget),
      let seat = gdk_display_get_default_seat(display)
    else {
      if let other { gdk_seat_ungrab(other.seat) }
      return nil
    }
    cursor = gdk_cursor_new_from_name(display, "none")
    let status = gdk_seat_grab(
      seat, window, GDK_SEAT_CAPABILITY_ALL, 0, cursor, nil, nil, nil)
    if let other, status != GDK_GRAB_SUCCESS || other.seat != seat { gdk_seat_ungrab(other.seat) }
    guard status == GDK_GRAB_SUCCESS else {
      if let cursor { g_object_unref(UnsafeMutableRawPointer(cursor)) }
      return nil
    }
    self.seat = seat
    self.isTaken = isTaken
    lock =
      vgpu_gdk_is_wayland(display) != 0
      ? WaylandPointerLock(widget, motion) : X11PointerLock(widget, motion)
    Self.current = self
  }

  /// Gives keyboard and mouse back.
  func end() {
    lock?.end()
    if Self.current === self { gdk_seat_ungrab(seat) }
    if let cursor { g_object_unref(UnsafeMutableRawPointer(cursor)) }
  }
}

/// Keeps the host's pointer in its place and tells the mouse's motion, for a guest with a relative
/// pointer. `end` or the object's release ends it.
@MainActor
protocol PointerLock: AnyObject {
  /// A motion event of the widget, in its own units.
  func moved(toX x: Double, y: Double)
  /// Lets the pointer go.
  func end()
}

/// The receiver of the mouse's motion.
@MainActor
protocol PointerLockMotion: AnyObject {
  /// Steps to the right and down.
  func moved(dx: Double, dy: Double)
}
