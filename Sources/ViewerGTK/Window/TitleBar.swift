// SPDX-License-Identifier: Apache-2.0

import CGTK3
import SafeText

/// The window's title bar: the guest's name, a line about the guest below it, and the menu.
@MainActor
final class TitleBar {
  /// The bar, a `GtkHeaderBar`.
  let widget: UnsafeMutablePointer<GtkWidget>
  private var title = ""
  private var subtitle = ""

  init(menu: WindowMenu?) {
    widget = gtk_header_bar_new()
    let bar = vgpu_gtk_header_bar(widget)
    gtk_header_bar_set_show_close_button(bar, 1)
    let button = gtk_menu_button_new()
    if let menu { gtk_menu_button_set_popup(vgpu_gtk_menu_button(button), menu.widget) }
    // The button takes no focus, so that the guest keeps the keyboard.
    gtk_widget_set_can_focus(button, 0)
    gtk_widget_set_focus_on_click(button, 0)
    gtk_widget_set_tooltip_text(button, translated("Keys to send, and the view (Ctrl+Alt+M)"))
    gtk_container_add(
      vgpu_gtk_container(button),
      gtk_image_new_from_icon_name("open-menu-symbolic", GTK_ICON_SIZE_BUTTON))
    gtk_header_bar_pack_end(bar, button)
    gtk_widget_show_all(widget)
  }

  /// Sets the first and the second line.
  func show(title: String, subtitle: String) {
    let subtitle = PlainText.line(subtitle, limit: 1024)
    let bar = vgpu_gtk_header_bar(widget)
    // Set only changed texts, because GTK paints anew even for an unchanged one.
    if title != self.title {
      self.title = title
      gtk_header_bar_set_title(bar, title)
    }
    guard subtitle != self.subtitle else { return }
    self.subtitle = subtitle
    gtk_header_bar_set_subtitle(bar, subtitle)
    gtk_widget_set_tooltip_text(widget, subtitle)
  }
}
