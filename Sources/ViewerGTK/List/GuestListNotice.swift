// SPDX-License-Identifier: Apache-2.0

import CGTK3
import SafeText

/// The bar above the list that tells what went wrong, until the user closes it.
@MainActor
final class GuestListNotice {
  /// The bar, a `GtkInfoBar`.
  let widget: UnsafeMutablePointer<GtkWidget>
  private let icon: UnsafeMutablePointer<GtkWidget>
  private let label: UnsafeMutablePointer<GtkWidget>

  init?() {
    guard let widget = gtk_info_bar_new(), let icon = gtk_image_new(),
      let label = gtk_label_new(nil)
    else { return nil }
    self.widget = widget
    self.icon = icon
    self.label = label
    gtk_label_set_line_wrap(vgpu_gtk_label(label), 1)
    gtk_label_set_line_wrap_mode(vgpu_gtk_label(label), PANGO_WRAP_WORD_CHAR)
    gtk_label_set_xalign(vgpu_gtk_label(label), 0)
    gtk_label_set_selectable(vgpu_gtk_label(label), 1)
    // A click into the text is no reason to leave the list.
    gtk_widget_set_can_focus(label, 0)
    gtk_info_bar_set_show_close_button(vgpu_gtk_info_bar(widget), 1)
    let content = gtk_info_bar_get_content_area(vgpu_gtk_info_bar(widget))
    if let content {
      gtk_box_pack_start(vgpu_gtk_box(content), icon, 0, 0, 0)
      gtk_box_pack_start(vgpu_gtk_box(content), label, 1, 1, 0)
    }
    gtk_widget_show(icon)
    gtk_widget_show(label)
    gtk_widget_set_no_show_all(widget, 1)
    vgpu_connect_bar_response(widget, onResponse, Unmanaged.borrowed(self))
  }

  /// Whether it is to be seen.
  var isShown: Bool { gtk_widget_get_visible(widget) != 0 }

  /// Shows an error, or a remark, in place of the last one.
  func show(_ text: String, isError: Bool) {
    let text = PlainText.line(text, limit: 2048)
    gtk_info_bar_set_message_type(
      vgpu_gtk_info_bar(widget), isError ? GTK_MESSAGE_ERROR : GTK_MESSAGE_INFO)
    gtk_image_set_from_icon_name(
      vgpu_gtk_image(icon), isError ? "dialog-error-symbolic" : "dialog-information-symbolic",
      GTK_ICON_SIZE_BUTTON)
    gtk_label_set_text(vgpu_gtk_label(label), text)
    atk_object_set_name(gtk_widget_get_accessible(widget), text)
    gtk_widget_show(widget)
  }

  func hide() { gtk_widget_hide(widget) }
}

private func onResponse(
  _ bar: UnsafeMutablePointer<GtkInfoBar>?, _ response: gint, _ data: UnsafeMutableRawPointer?
) {
  onMain(data, as: GuestListNotice.self) { $0.hide() }
}
