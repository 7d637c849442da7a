// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// Where a menu opens: beside or over a widget.
@MainActor
enum MenuPlace {
  /// Opens a menu. `gtk_menu_popup_at_widget` would do, but for a widget with a window of its own it counts the
  /// widget's place twice.
  ///
  /// - Parameters:
  ///   - corner: the widget's corner at which the menu begins.
  ///   - own: the menu's corner that is put there.
  ///   - event: what the user did.
  static func open(
    _ menu: UnsafeMutablePointer<GtkWidget>, at widget: UnsafeMutablePointer<GtkWidget>,
    corner: GdkGravity, own: GdkGravity, event: UnsafePointer<GdkEvent>?
  ) {
    var area = WidgetPlace.area(of: widget)
    gtk_menu_popup_at_rect(
      vgpu_gtk_menu(menu), gtk_widget_get_window(widget), &area, corner, own, event)
  }
}
