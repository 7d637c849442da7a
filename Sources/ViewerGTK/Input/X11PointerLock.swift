// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// Puts the pointer back into the widget's middle (XIWarpPointer) whenever it moves away, because
/// X11 has no other way to let a mouse move without end.
@MainActor
final class X11PointerLock: PointerLock {
  private unowned let motion: any PointerLockMotion
  private let widget: UnsafeMutablePointer<GtkWidget>
  private let device: OpaquePointer
  private var last: (x: Double, y: Double)?
  /// The pointer's target, and the number of events that may come before the pointer reaches it.
  private var warp: (x: Double, y: Double, patience: Int)?

  /// `nil` when the widget has no window, or the display no pointer.
  init?(_ widget: UnsafeMutablePointer<GtkWidget>, _ motion: any PointerLockMotion) {
    let seat = gdk_display_get_default_seat(gtk_widget_get_display(widget))
    guard gtk_widget_get_window(widget) != nil, let device = gdk_seat_get_pointer(seat) else {
      return nil
    }
    self.widget = widget
    self.motion = motion
    self.device = device
    goToMiddle()
  }

  private var middle: (x: Double, y: Double) {
    (
      Double(gtk_widget_get_allocated_width(widget) / 2),
      Double(gtk_widget_get_allocated_height(widget) / 2)
    )
  }

  private func goToMiddle() {
    var x: gint = 0
    var y: gint = 0
    let middle = middle
    gdk_window_get_root_coords(
      gtk_widget_get_window(widget), gint(middle.x), gint(middle.y), &x, &y)
    gdk_device_warp(device, gtk_widget_get_screen(widget), x, y)
    // A pointer that is in the middle already makes no event.
    warp = (middle.x, middle.y, patience: 16)
  }

  func moved(toX x: Double, y: Double) {
    if let target = warp, abs(x - target.x) < 1, abs(y - target.y) < 1 {
      // This event is the warp itself. Earlier events were still counted from the old place.
      warp = nil
      last = (x, y)
      return
    }
    if let last { motion.moved(dx: x - last.x, dy: y - last.y) }
    last = (x, y)
    if let pending = warp {
      warp = pending.patience > 0 ? (pending.x, pending.y, pending.patience - 1) : nil
      return
    }
    let middle = middle
    if abs(x - middle.x) > middle.x / 2 || abs(y - middle.y) > middle.y / 2 { goToMiddle() }
  }

  func end() {}
}
