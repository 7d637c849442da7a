// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// What stands in the window's middle: the list, or why there is none.
@MainActor
final class GuestListPages {
  /// The pages, a `GtkStack`.
  let widget: UnsafeMutablePointer<GtkWidget>
  /// The list, a `GtkListBox`.
  let list: UnsafeMutablePointer<GtkWidget>
  private let demo: GuestListButton
  private let spinner: UnsafeMutablePointer<GtkWidget>

  /// One of the pages.
  enum Page: String {
    case list
    /// Nobody has answered yet.
    case looking
    /// There is nothing to look at.
    case empty
    /// Nothing fits the words that are searched for.
    case noMatch
  }

  /// - Parameter onDemo: called by the button that shows the synthetic guest.
  init?(onDemo: @escaping @MainActor () -> Void) {
    guard let widget = gtk_stack_new(), let list = gtk_list_box_new(),
      let scrolled = gtk_scrolled_window_new(nil, nil), let spinner = gtk_spinner_new(),
      let demo = GuestListButton(label: translated("Show a _demonstration"), onDemo),
      let looking = Self.page(icon: nil, title: translated("Looking for guests"), text: nil),
      let empty = Self.page(
        icon: "computer-symbolic", title: translated("There is no guest to look at"),
        text: Self.advice),
      let noMatch = Self.page(
        icon: "edit-find-symbolic", title: translated("No guest has these words"), text: nil)
    else { return nil }
    self.widget = widget
    self.list = list
    self.demo = demo
    self.spinner = spinner
    gtk_list_box_set_activate_on_single_click(vgpu_gtk_list_box(list), 0)
    atk_object_set_name(gtk_widget_get_accessible(list), translated("Guests"))
    gtk_scrolled_window_set_policy(
      vgpu_gtk_scrolled_window(scrolled), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC)
    gtk_container_add(vgpu_gtk_container(scrolled), list)
    gtk_widget_set_size_request(spinner, 32, 32)
    gtk_box_pack_start(vgpu_gtk_box(looking), spinner, 0, 0, 0)
    gtk_widget_set_halign(demo.widget, GTK_ALIGN_CENTER)
    gtk_box_pack_start(vgpu_gtk_box(empty), demo.widget, 0, 0, 0)
    for (page, child) in [
      (Page.looking, looking), (.list, scrolled), (.empty, empty), (.noMatch, noMatch),
    ] {
      gtk_stack_add_named(vgpu_gtk_stack(widget), child, page.rawValue)
    }
    gtk_widget_show_all(widget)
  }

  /// The page that is to be seen.
  var page = Page.looking {
    didSet {
      if page == .looking {
        gtk_spinner_start(vgpu_gtk_spinner(spinner))
      } else {
        gtk_spinner_stop(vgpu_gtk_spinner(spinner))
      }
      guard page != oldValue else { return }
      gtk_stack_set_visible_child_name(vgpu_gtk_stack(widget), page.rawValue)
    }
  }

  private static var advice: String {
    translated(
      """
      A guest appears here as soon as it runs: start one in your virtual machine manager, or in a \
      terminal with “vgpu run”. Domains of libvirt’s are listed when they are off, too.

      “vgpu doctor” tells what this machine lacks for virtual GPUs.
      """)
  }

  private static func page(
    icon: String?, title: String, text: String?
  ) -> UnsafeMutablePointer<GtkWidget>? {
    guard let box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12), let heading = gtk_label_new(title)
    else { return nil }
    gtk_widget_set_valign(box, GTK_ALIGN_CENTER)
    gtk_container_set_border_width(vgpu_gtk_container(box), 24)
    if let icon, let image = gtk_image_new_from_icon_name(icon, GTK_ICON_SIZE_DIALOG) {
      gtk_image_set_pixel_size(vgpu_gtk_image(image), 64)
      gtk_style_context_add_class(gtk_widget_get_style_context(image), "dim-label")
      gtk_box_pack_start(vgpu_gtk_box(box), image, 0, 0, 0)
    }
    let large = pango_attr_list_new()
    pango_attr_list_insert(large, pango_attr_weight_new(PANGO_WEIGHT_BOLD))
    pango_attr_list_insert(large, pango_attr_scale_new(1.2))
    gtk_label_set_attributes(vgpu_gtk_label(heading), large)
    pango_attr_list_unref(large)
    gtk_box_pack_start(vgpu_gtk_box(box), heading, 0, 0, 0)
    if let text, let label = gtk_label_new(text) {
      gtk_label_set_line_wrap(vgpu_gtk_label(label), 1)
      gtk_label_set_max_width_chars(vgpu_gtk_label(label), 50)
      gtk_label_set_justify(vgpu_gtk_label(label), GTK_JUSTIFY_CENTER)
      gtk_box_pack_start(vgpu_gtk_box(box), label, 0, 0, 0)
    }
    return box
  }
}
