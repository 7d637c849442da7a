// SPDX-License-Identifier: Apache-2.0

import CGTK3
import CWayland
import Glibc

/// The host's pointer over a widget. It is hidden while the guest shows a pointer of its own,
/// because two pointers a frame apart are worse than one.
@MainActor
final class HostPointer {
  private let widget: UnsafeMutablePointer<GtkWidget>

  init(_ widget: UnsafeMutablePointer<GtkWidget>) { self.widget = widget }

  /// Whether it is hidden.
  var isHidden = false {
    didSet {
      guard isHidden != oldValue, let window = gtk_widget_get_window(widget) else { return }
      let cursor =
        isHidden ? gdk_cursor_new_from_name(gtk_widget_get_display(widget), "none") : nil
      gdk_window_set_cursor(window, cursor)
      if let cursor { g_object_unref(UnsafeMutableRawPointer(cursor)) }
    }
  }
}

/// Makes GDK pass on the pointer's motion at once. GDK 3 keeps the last motion of its queue until
/// another event comes or a frame begins, up to 16 ms, even when a window's event compression is
/// off. So this type adds an empty event after the display server's events.
@MainActor
final class PromptMotion {
  private var connection: guint = 0
  private var turn: guint = 0
  private let isX11: Bool

  init(_ widget: UnsafeMutablePointer<GtkWidget>) {
    let display = gtk_widget_get_display(widget)
    isX11 = vgpu_gdk_is_x11(display) != 0
    let data = Unmanaged.borrowed(self)
    if isX11 {
      // The connection is not watched, because drawing reads from it too, and keeps the events for
      // GDK.
      gdk_window_add_filter(nil, onXEvent, data)
    } else if vgpu_gdk_is_wayland(display) != 0,
      let wayland = gdk_wayland_display_get_wl_display(display)
    {
      // It has GDK's own priority, and so comes after GDK in the same turn of the main loop.
      connection = g_unix_fd_add_full(
        gint(GDK_PRIORITY_EVENTS), wl_display_get_fd(wayland), G_IO_IN, onReadable, data, nil)
    }
  }

  isolated deinit {
    if isX11 { gdk_window_remove_filter(nil, onXEvent, Unmanaged.borrowed(self)) }
    if connection != 0 { g_source_remove(connection) }
    if turn != 0 { g_source_remove(turn) }
  }

  /// In the main loop's next turn, when GDK has put the motion into its queue.
  fileprivate func followNext() {
    guard turn == 0 else { return }
    turn = g_idle_add_full(gint(GDK_PRIORITY_EVENTS), onTurn, Unmanaged.borrowed(self), nil)
  }

  fileprivate func follow() {
    turn = 0
    guard let event = gdk_event_new(GDK_NOTHING) else { return }
    gdk_event_put(event)
    gdk_event_free(event)
  }
}

private func onXEvent(
  _ native: UnsafeMutableRawPointer?, _ event: UnsafeMutablePointer<GdkEvent>?,
  _ data: UnsafeMutableRawPointer?
) -> GdkFilterReturn {
  let type = native?.assumingMemoryBound(to: XEvent.self).pointee.type
  // XInput 2 sends generic events.
  if type == MotionNotify || type == GenericEvent {
    onMain(data, as: PromptMotion.self) { $0.followNext() }
  }
  return GDK_FILTER_CONTINUE
}

private func onTurn(_ data: UnsafeMutableRawPointer?) -> gboolean {
  onMain(data, as: PromptMotion.self) { $0.follow() }
  return 0
}

private func onReadable(
  _ connection: gint, _ condition: GIOCondition, _ data: UnsafeMutableRawPointer?
) -> gboolean {
  // GDK does not read while its queue has events. An event put now would keep GDK from reading, and
  // the main loop would call only this function for ever. The function is called again after GDK
  // has read.
  var entry = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
  guard poll(&entry, 1, 0) == 0 else { return 1 }
  onMain(data, as: PromptMotion.self) { $0.follow() }
  return 1
}
