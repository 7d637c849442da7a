// SPDX-License-Identifier: Apache-2.0

import CGTK3

extension ViewerWindow {
  /// Lets the window tell this object of its events, until the window's end.
  func connectSignals(of window: UnsafeMutablePointer<GtkWidget>) {
    let data = Unmanaged.borrowed(self)
    vgpu_connect_key(window, "key-press-event", onKeyPress, data)
    vgpu_connect_event(window, "delete-event", onDelete, data)
    vgpu_connect_event(window, "window-state-event", onWindowState, data)
    vgpu_connect_notify(window, "notify::is-active", onActive, data)
    vgpu_connect(window, "destroy", onWindowDestroy, data)
  }
}

/// Handles a key before GtkWindow's own handler, because GtkWindow's mnemonics and key bindings
/// must not take a guest's keys.
private func onKeyPress(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ event: UnsafeMutablePointer<GdkEventKey>?,
  _ data: UnsafeMutableRawPointer?
) -> gboolean {
  guard let widget, let event else { return 0 }
  let (key, code, state) = (
    event.pointee.keyval, UInt32(event.pointee.hardware_keycode), event.pointee.state
  )
  let isOurs = onMain(data, as: ViewerWindow.self, otherwise: false) { window in
    if key == guint(GDK_KEY_Escape), window.cancelActivity() { return true }
    guard let shortcut = window.shortcut(key: key, code: code, state: state) else { return false }
    window.perform(shortcut)
    return true
  }
  return isOurs ? 1 : gtk_window_propagate_key_event(vgpu_gtk_window(widget), event)
}

private func onDelete(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ event: UnsafeMutablePointer<GdkEvent>?,
  _ data: UnsafeMutableRawPointer?
) -> gboolean {
  onMain(data, as: ViewerWindow.self) { $0.requestClose() }
  return 1
}

/// The window manager may take the window from the whole screen, and put it there.
private func onWindowState(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ event: UnsafeMutablePointer<GdkEvent>?,
  _ data: UnsafeMutableRawPointer?
) -> gboolean {
  guard let state = event?.pointee.window_state,
    state.changed_mask.rawValue & GDK_WINDOW_STATE_FULLSCREEN.rawValue != 0
  else { return 0 }
  let isFullscreen = state.new_window_state.rawValue & GDK_WINDOW_STATE_FULLSCREEN.rawValue != 0
  onMain(data, as: ViewerWindow.self) { $0.isFullscreen = isFullscreen }
  return 0
}

private func onWindowDestroy(_ widget: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?) {
  onMain(data, as: ViewerWindow.self) { $0.destroyed() }
}

private func onActive(
  _ window: UnsafeMutableRawPointer?, _ property: UnsafeMutablePointer<GParamSpec>?,
  _ data: UnsafeMutableRawPointer?
) {
  onMain(data, as: ViewerWindow.self) { $0.followFocus() }
}
