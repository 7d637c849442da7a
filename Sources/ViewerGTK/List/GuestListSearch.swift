// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// The search above the list. It opens when somebody types.
@MainActor
final class GuestListSearch {
  /// The bar, a `GtkSearchBar`.
  let widget: UnsafeMutablePointer<GtkWidget>
  private let entry: UnsafeMutablePointer<GtkWidget>
  /// Called when other words are searched for.
  var onChange: @MainActor () -> Void = {}
  /// Called for the Enter key.
  var onEnter: @MainActor () -> Void = {}

  init?() {
    guard let widget = gtk_search_bar_new(), let entry = gtk_search_entry_new() else { return nil }
    self.widget = widget
    self.entry = entry
    gtk_entry_set_width_chars(vgpu_gtk_entry(entry), 32)
    atk_object_set_name(gtk_widget_get_accessible(entry), translated("Search for guests"))
    gtk_container_add(vgpu_gtk_container(widget), entry)
    gtk_search_bar_connect_entry(vgpu_gtk_search_bar(widget), vgpu_gtk_entry(entry))
    gtk_widget_show_all(widget)
    let data = Unmanaged.borrowed(self)
    vgpu_connect(entry, "search-changed", onSearchChanged, data)
    vgpu_connect(entry, "activate", onEntryActivate, data)
    vgpu_connect_notify(widget, "notify::search-mode-enabled", onSearchMode, data)
  }

  /// The words that are searched for; empty when nobody searches.
  var words: String {
    guard isOpen, let text = gtk_entry_get_text(vgpu_gtk_entry(entry)) else { return "" }
    return String(cString: text)
  }

  /// Whether the bar is to be seen.
  var isOpen: Bool {
    get { gtk_search_bar_get_search_mode(vgpu_gtk_search_bar(widget)) != 0 }
    set { gtk_search_bar_set_search_mode(vgpu_gtk_search_bar(widget), newValue ? 1 : 0) }
  }

  /// Whether the keyboard writes into it.
  var hasFocus: Bool { gtk_widget_has_focus(entry) != 0 }

  func grabFocus() { gtk_widget_grab_focus(entry) }

  /// Has the search take a key that was typed elsewhere, and open for it.
  ///
  /// - Returns: whether it took the key.
  func take(_ event: UnsafeMutablePointer<GdkEvent>) -> Bool {
    gtk_search_bar_handle_event(vgpu_gtk_search_bar(widget), event) != 0
  }

  fileprivate func changed() { onChange() }
  fileprivate func entered() { onEnter() }
}

private func onSearchChanged(_ entry: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?) {
  onMain(data, as: GuestListSearch.self) { $0.changed() }
}

private func onEntryActivate(_ entry: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?) {
  onMain(data, as: GuestListSearch.self) { $0.entered() }
}

private func onSearchMode(
  _ bar: UnsafeMutableRawPointer?, _ property: UnsafeMutablePointer<GParamSpec>?,
  _ data: UnsafeMutableRawPointer?
) {
  onMain(data, as: GuestListSearch.self) { $0.changed() }
}
