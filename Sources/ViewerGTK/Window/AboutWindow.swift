// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// The window that tells what program this is (GtkAboutDialog). GTK keeps it until it is closed.
@MainActor
enum AboutWindow {
  /// Shows it in front of a window.
  ///
  /// - Parameter version: the program's version; `nil` when it does not tell.
  static func open(before window: UnsafeMutablePointer<GtkWidget>, version: String?) {
    guard let widget = gtk_about_dialog_new() else { return }
    let about = vgpu_gtk_about_dialog(widget)
    gtk_about_dialog_set_program_name(about, "swift-vgpu")
    gtk_about_dialog_set_version(about, version)
    gtk_about_dialog_set_comments(
      about, translated("Shows the screens of guests on virtual GPUs."))
    gtk_about_dialog_set_license_type(about, GTK_LICENSE_APACHE_2_0)
    let icon = "io.github.swift_vgpu.vgpu"
    if gtk_icon_theme_has_icon(gtk_icon_theme_get_default(), icon) != 0 {
      gtk_about_dialog_set_logo_icon_name(about, icon)
    }
    gtk_window_set_transient_for(vgpu_gtk_window(widget), vgpu_gtk_window(window))
    gtk_window_set_modal(vgpu_gtk_window(widget), 1)
    gtk_window_set_destroy_with_parent(vgpu_gtk_window(widget), 1)
    vgpu_connect_response(
      widget,
      { dialog, _, _ in
        guard let dialog else { return }
        gtk_widget_destroy(UnsafeMutableRawPointer(dialog).assumingMemoryBound(to: GtkWidget.self))
      }, nil)
    // Not what it has hidden, such as a button for credits that are none.
    gtk_widget_show(widget)
  }
}
