// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// The host's pointer over a widget: hidden while the guest shows one of its own, since two of them
/// a frame apart are worse than one.
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
