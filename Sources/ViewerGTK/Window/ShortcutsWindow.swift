// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// The window that lists a viewer's shortcuts (GtkShortcutsWindow). GTK keeps it until it is closed.
@MainActor
enum ShortcutsWindow {
  private static var groups: [(title: String, shortcuts: [(keys: String, title: String)])] {
    let fullscreen = translated("Full screen, and back")
    let statistics = translated("Statistics")
    return [
      (
        translated("Always"),
        [
          ("<Control><Alt>g", translated("Grab keyboard and mouse, and give them back")),
          ("<Control><Alt>f", fullscreen),
          ("<Control><Alt>m", translated("Open the menu")),
          ("<Control><Alt>p", translated("Save the picture")),
          ("<Control><Alt>s", statistics),
        ]
      ),
      (
        translated("While the guest gets no keys"),
        [("F11", fullscreen), ("F8", statistics)]
      ),
      (
        translated("While something is copied or sent"),
        [("Escape", translated("Cancel it"))]
      ),
    ]
  }

  /// Shows it in front of a window.
  static func open(before window: UnsafeMutablePointer<GtkWidget>) {
    // Nothing else makes its parts than a description.
    guard let builder = gtk_builder_new_from_string(description, -1) else { return }
    defer { g_object_unref(builder) }
    guard let object = gtk_builder_get_object(builder, "shortcuts") else { return }
    let shortcuts = UnsafeMutableRawPointer(object).assumingMemoryBound(to: GtkWidget.self)
    gtk_window_set_transient_for(vgpu_gtk_window(shortcuts), vgpu_gtk_window(window))
    gtk_window_set_destroy_with_parent(vgpu_gtk_window(shortcuts), 1)
    gtk_widget_show(shortcuts)
  }

  private static var description: String {
    let groups = groups.map { group in
      let shortcuts = group.shortcuts.map { shortcut in
        """
        <child><object class="GtkShortcutsShortcut"><property name="visible">1</property>\
        <property name="accelerator">\(escaped(shortcut.keys))</property>\
        <property name="title">\(escaped(shortcut.title))</property></object></child>
        """
      }
      return """
        <child><object class="GtkShortcutsGroup"><property name="visible">1</property>\
        <property name="title">\(escaped(group.title))</property>\(shortcuts.joined())</object></child>
        """
    }
    return """
      <interface><object class="GtkShortcutsWindow" id="shortcuts"><property name="modal">1</property>\
      <child><object class="GtkShortcutsSection"><property name="visible">1</property>\
      <property name="section-name">viewer</property>\(groups.joined())</object></child>\
      </object></interface>
      """
  }

  private static func escaped(_ text: String) -> String {
    guard let escaped = g_markup_escape_text(text, -1) else { return "" }
    defer { g_free(escaped) }
    return String(cString: escaped)
  }
}
