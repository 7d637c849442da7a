// SPDX-License-Identifier: Apache-2.0

import CGTK3

extension GuestListWindow {
  /// Lets the window and the list tell this object of their events, until the window's end.
  func connectSignals(
    of window: UnsafeMutablePointer<GtkWidget>, list: UnsafeMutablePointer<GtkWidget>
  ) {
    let data = Unmanaged.borrowed(self)
    vgpu_connect_event(window, "key-press-event", onListKey, data)
    vgpu_connect_event(window, "window-state-event", onListWindowState, data)
    vgpu_connect(window, "destroy", onListDestroy, data)
    vgpu_connect_row(list, "row-activated", onRowActivated, data)
    vgpu_connect_row(list, "row-selected", onRowSelected, data)
    vgpu_connect_popup_menu(list, onPopupMenu, data)
    vgpu_connect_event(list, "button-press-event", onListButton, data)
    gtk_list_box_set_sort_func(vgpu_gtk_list_box(list), sortRows, data, nil)
    gtk_list_box_set_filter_func(vgpu_gtk_list_box(list), filterRow, data, nil)
    gtk_list_box_set_header_func(vgpu_gtk_list_box(list), separateRow, nil, nil)
  }

  /// Handles a key of the window's own.
  ///
  /// - Returns: whether it was one.
  fileprivate func pressed(_ event: UnsafeMutablePointer<GdkEvent>) -> Bool {
    let (key, state) = (Int32(bitPattern: event.pointee.key.keyval), event.pointee.key.state)
    let modifiers = state & gtk_accelerator_get_default_mod_mask().rawValue
    switch (key, modifiers) {
    case (GDK_KEY_F5, 0), (GDK_KEY_r, GDK_CONTROL_MASK.rawValue): actions.look(true)
    case (GDK_KEY_n, GDK_CONTROL_MASK.rawValue): askForNew()
    case (GDK_KEY_f, GDK_CONTROL_MASK.rawValue): toggleSearch()
    case (GDK_KEY_q, GDK_CONTROL_MASK.rawValue), (GDK_KEY_w, GDK_CONTROL_MASK.rawValue): close()
    case (GDK_KEY_Escape, 0):
      if search.isOpen {
        toggleSearch()
      } else if notice.isShown {
        notice.hide()
      } else {
        close()
      }
    case (GDK_KEY_Down, 0) where search.hasFocus: focusChosen()
    // These are for the button or the row that has the focus.
    case (GDK_KEY_space, _), (GDK_KEY_Return, _), (GDK_KEY_KP_Enter, _): return false
    default:
      let others = GDK_CONTROL_MASK.rawValue | GDK_MOD1_MASK.rawValue | GDK_SUPER_MASK.rawValue
      return !search.hasFocus && modifiers & others == 0 && search.take(event)
    }
    return true
  }

  /// Opens the menu of the row below the pointer.
  fileprivate func pressed(button event: UnsafeMutablePointer<GdkEvent>) -> Bool {
    guard event.pointee.type == GDK_BUTTON_PRESS, event.pointee.button.button == 3,
      let row = gtk_list_box_get_row_at_y(
        vgpu_gtk_list_box(pages.list), gint(event.pointee.button.y)),
      let line = line(at: UInt(bitPattern: row))
    else { return false }
    choose(line.item.id)
    makeMenu()?.openAtPointer(event)
    return true
  }

  fileprivate func order(_ one: UInt, _ other: UInt) -> gint {
    guard let one = line(at: one), let other = line(at: other) else { return 0 }
    return one.place < other.place ? -1 : one.place > other.place ? 1 : 0
  }

  fileprivate func isShown(at address: UInt) -> Bool { line(at: address).map(isShown) ?? true }
}

private func onListKey(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ event: UnsafeMutablePointer<GdkEvent>?,
  _ data: UnsafeMutableRawPointer?
) -> gboolean {
  guard let event else { return 0 }
  nonisolated(unsafe) let key = event
  return onMain(data, as: GuestListWindow.self, otherwise: false) { $0.pressed(key) } ? 1 : 0
}

private func onListButton(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ event: UnsafeMutablePointer<GdkEvent>?,
  _ data: UnsafeMutableRawPointer?
) -> gboolean {
  guard let event else { return 0 }
  nonisolated(unsafe) let press = event
  return onMain(data, as: GuestListWindow.self, otherwise: false) { $0.pressed(button: press) }
    ? 1 : 0
}

private func onListWindowState(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ event: UnsafeMutablePointer<GdkEvent>?,
  _ data: UnsafeMutableRawPointer?
) -> gboolean {
  guard let state = event?.pointee.window_state else { return 0 }
  let hidden = GDK_WINDOW_STATE_ICONIFIED.rawValue | GDK_WINDOW_STATE_WITHDRAWN.rawValue
  let isHidden = state.new_window_state.rawValue & hidden != 0
  onMain(data, as: GuestListWindow.self) { $0.isIconified = isHidden }
  return 0
}

private func onListDestroy(_ widget: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?) {
  onMain(data, as: GuestListWindow.self) { $0.destroyed() }
}

private func onRowActivated(
  _ list: UnsafeMutablePointer<GtkListBox>?, _ row: UnsafeMutablePointer<GtkListBoxRow>?,
  _ data: UnsafeMutableRawPointer?
) {
  onMain(data, as: GuestListWindow.self) { $0.openChosen() }
}

private func onRowSelected(
  _ list: UnsafeMutablePointer<GtkListBox>?, _ row: UnsafeMutablePointer<GtkListBoxRow>?,
  _ data: UnsafeMutableRawPointer?
) {
  onMain(data, as: GuestListWindow.self) { $0.followChoice() }
}

private func onPopupMenu(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ data: UnsafeMutableRawPointer?
) -> gboolean {
  onMain(data, as: GuestListWindow.self) { $0.openMenu() }
  return 1
}

private func sortRows(
  _ one: UnsafeMutablePointer<GtkListBoxRow>?, _ other: UnsafeMutablePointer<GtkListBoxRow>?,
  _ data: UnsafeMutableRawPointer?
) -> gint {
  let (one, other) = (UInt(bitPattern: one), UInt(bitPattern: other))
  return onMain(data, as: GuestListWindow.self, otherwise: 0) { $0.order(one, other) }
}

private func filterRow(
  _ row: UnsafeMutablePointer<GtkListBoxRow>?, _ data: UnsafeMutableRawPointer?
) -> gboolean {
  let row = UInt(bitPattern: row)
  return onMain(data, as: GuestListWindow.self, otherwise: true) { $0.isShown(at: row) } ? 1 : 0
}

/// Draws a line above each row but the first.
private func separateRow(
  _ row: UnsafeMutablePointer<GtkListBoxRow>?, _ before: UnsafeMutablePointer<GtkListBoxRow>?,
  _ data: UnsafeMutableRawPointer?
) {
  guard let row else { return }
  gtk_list_box_row_set_header(
    row, before == nil ? nil : gtk_separator_new(GTK_ORIENTATION_HORIZONTAL))
}
