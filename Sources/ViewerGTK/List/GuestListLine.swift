// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// The row of a guest in the list: icon, name, where it is, why it cannot be opened; its state, and buttons.
@MainActor
final class GuestListLine {
  /// The row, a `GtkListBoxRow`. The list keeps it.
  let row: UnsafeMutablePointer<GtkWidget>
  private(set) var item: GuestListItem
  /// Its place in the list.
  var place = 0
  private let icon: UnsafeMutablePointer<GtkWidget>
  private let title: UnsafeMutablePointer<GtkWidget>
  private let detail: UnsafeMutablePointer<GtkWidget>
  private let obstacle: UnsafeMutablePointer<GtkWidget>
  private let state: UnsafeMutablePointer<GtkWidget>
  private let start: GuestListButton
  private let more: GuestListButton

  /// - Parameters:
  ///   - onStart: called by the button that starts the guest.
  ///   - onMenu: called by the button that opens the guest's menu, with the button.
  init?(
    _ item: GuestListItem, onStart: @escaping @MainActor () -> Void,
    onMenu: @escaping @MainActor (UnsafeMutablePointer<GtkWidget>) -> Void
  ) {
    guard let row = gtk_list_box_row_new(), let box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12),
      let texts = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2),
      let icon = gtk_image_new_from_icon_name(item.icon, GTK_ICON_SIZE_DND),
      let title = Self.label(), let detail = Self.label(), let obstacle = Self.label(),
      let state = gtk_label_new(nil),
      let start = GuestListButton(label: translated("Start"), onStart),
      let more = GuestListButton(
        icon: "view-more-symbolic", name: translated("Actions"), hint: nil)
    else { return nil }
    self.row = row
    self.item = item
    (self.icon, self.title, self.detail) = (icon, title, detail)
    (self.obstacle, self.state) = (obstacle, state)
    (self.start, self.more) = (start, more)
    more.action = { onMenu(more.widget) }
    gtk_image_set_pixel_size(vgpu_gtk_image(icon), 24)
    let bold = pango_attr_list_new()
    pango_attr_list_insert(bold, pango_attr_weight_new(PANGO_WEIGHT_BOLD))
    gtk_label_set_attributes(vgpu_gtk_label(title), bold)
    pango_attr_list_unref(bold)
    gtk_label_set_line_wrap(vgpu_gtk_label(obstacle), 1)
    gtk_label_set_line_wrap_mode(vgpu_gtk_label(obstacle), PANGO_WRAP_WORD_CHAR)
    gtk_label_set_lines(vgpu_gtk_label(obstacle), 2)
    // The states of all rows stand below each other.
    gtk_label_set_width_chars(vgpu_gtk_label(state), 11)
    gtk_label_set_xalign(vgpu_gtk_label(state), 1)
    for label in [detail, state] {
      gtk_style_context_add_class(gtk_widget_get_style_context(label), "dim-label")
    }
    gtk_widget_set_no_show_all(obstacle, 1)
    gtk_widget_set_no_show_all(start.widget, 1)
    gtk_style_context_add_class(gtk_widget_get_style_context(more.widget), "flat")
    for widget in [start.widget, more.widget] { gtk_widget_set_valign(widget, GTK_ALIGN_CENTER) }
    for text in [title, detail, obstacle] {
      gtk_box_pack_start(vgpu_gtk_box(texts), text, 0, 0, 0)
    }
    gtk_widget_set_valign(texts, GTK_ALIGN_CENTER)
    gtk_box_pack_start(vgpu_gtk_box(box), icon, 0, 0, 0)
    gtk_box_pack_start(vgpu_gtk_box(box), texts, 1, 1, 0)
    for widget in [start.widget, state, more.widget] {
      gtk_box_pack_start(vgpu_gtk_box(box), widget, 0, 0, 0)
    }
    gtk_container_set_border_width(vgpu_gtk_container(box), 10)
    gtk_container_add(vgpu_gtk_container(row), box)
    gtk_widget_show_all(row)
    fill()
  }

  /// Shows the guest as it is now.
  func update(_ item: GuestListItem) {
    guard item != self.item else { return }
    self.item = item
    gtk_image_set_from_icon_name(vgpu_gtk_image(icon), item.icon, GTK_ICON_SIZE_DND)
    fill()
  }

  private func fill() {
    gtk_label_set_text(vgpu_gtk_label(title), item.title)
    gtk_label_set_text(vgpu_gtk_label(detail), item.detail)
    gtk_label_set_text(vgpu_gtk_label(state), item.state)
    gtk_label_set_text(vgpu_gtk_label(obstacle), item.obstacle ?? "")
    gtk_widget_set_visible(obstacle, item.obstacle == nil ? 0 : 1)
    gtk_widget_set_visible(start.widget, item.canStart ? 1 : 0)
    gtk_widget_set_tooltip_text(row, item.obstacle)
    let accessible = gtk_widget_get_accessible(row)
    atk_object_set_name(accessible, "\(item.title), \(item.state)")
    atk_object_set_description(
      accessible, [item.detail, item.obstacle].compactMap(\.self).joined(separator: ". "))
    start.name = translated("Start %1$s", item.title)
    more.name = translated("Actions for %1$s", item.title)
  }

  /// A text at the line's begin that is cut off when it is too long.
  private static func label() -> UnsafeMutablePointer<GtkWidget>? {
    guard let label = gtk_label_new(nil) else { return nil }
    gtk_label_set_xalign(vgpu_gtk_label(label), 0)
    gtk_label_set_ellipsize(vgpu_gtk_label(label), PANGO_ELLIPSIZE_END)
    return label
  }
}

/// A button with an action.
@MainActor
final class GuestListButton {
  let widget: UnsafeMutablePointer<GtkWidget>
  var action: @MainActor () -> Void = {}

  /// A button with a text.
  init?(label: String, _ action: @escaping @MainActor () -> Void) {
    guard let widget = gtk_button_new_with_mnemonic(label) else { return nil }
    self.widget = widget
    self.action = action
    vgpu_connect(widget, "clicked", onClicked, Unmanaged.borrowed(self))
  }

  /// A button with a picture.
  ///
  /// - Parameters:
  ///   - name: its name for those who do not see the picture.
  ///   - hint: its key, for a person who points at it.
  init?(
    icon: String, name: String, hint: String?, _ action: @escaping @MainActor () -> Void = {}
  ) {
    guard let widget = gtk_button_new_from_icon_name(icon, GTK_ICON_SIZE_BUTTON) else { return nil }
    self.widget = widget
    self.action = action
    self.name = name
    gtk_widget_set_tooltip_text(widget, hint.map { "\(name) (\($0))" } ?? name)
    atk_object_set_name(gtk_widget_get_accessible(widget), name)
    vgpu_connect(widget, "clicked", onClicked, Unmanaged.borrowed(self))
  }

  /// Its name for those who do not see it.
  var name = "" {
    didSet { atk_object_set_name(gtk_widget_get_accessible(widget), name) }
  }

  fileprivate func clicked() { action() }
}

private func onClicked(_ button: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?) {
  onMain(data, as: GuestListButton.self) { $0.clicked() }
}
