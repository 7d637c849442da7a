// SPDX-License-Identifier: Apache-2.0

import CGTK3
import GuestInput

/// GTK's signals of a view's widget.
extension ViewInput {
  /// Connects the widget's signals. They are disconnected by this object's address when it is
  /// released.
  func connect(_ widget: UnsafeMutablePointer<GtkWidget>) {
    let data = Unmanaged.borrowed(self)
    let events: [GdkEventMask] = [
      GDK_KEY_PRESS_MASK, GDK_KEY_RELEASE_MASK, GDK_BUTTON_PRESS_MASK, GDK_BUTTON_RELEASE_MASK,
      GDK_POINTER_MOTION_MASK, GDK_ENTER_NOTIFY_MASK, GDK_SCROLL_MASK, GDK_SMOOTH_SCROLL_MASK,
      GDK_FOCUS_CHANGE_MASK, GDK_TOUCH_MASK,
    ]
    gtk_widget_add_events(widget, gint(events.reduce(0) { $0 | $1.rawValue }))
    for signal in ["key-press-event", "key-release-event"] {
      vgpu_connect_key(widget, signal, onKey, data)
    }
    for signal in ["button-press-event", "button-release-event"] {
      vgpu_connect_button(widget, signal, onButton, data)
    }
    vgpu_connect_event(widget, "motion-notify-event", onMotion, data)
    vgpu_connect_event(widget, "enter-notify-event", onMotion, data)
    vgpu_connect_scroll(widget, onScroll, data)
    vgpu_connect_event(widget, "touch-event", onTouch, data)
    vgpu_connect_event(widget, "focus-out-event", onFocusOut, data)
    vgpu_connect_event(widget, "grab-broken-event", onGrabBroken, data)
    promptMotion = PromptMotion(widget)
    g_object_set_data(
      UnsafeMutableRawPointer(widget).assumingMemoryBound(to: GObject.self), isView, data)
  }

  /// Disconnects the signals of `connect`.
  func disconnect(_ widget: UnsafeMutablePointer<GtkWidget>) {
    promptMotion = nil
    g_object_set_data(
      UnsafeMutableRawPointer(widget).assumingMemoryBound(to: GObject.self), isView, nil)
    g_signal_handlers_disconnect_matched(
      widget, G_SIGNAL_MATCH_DATA, 0, 0, nil, nil, Unmanaged.borrowed(self))
  }
}

extension PointerButton {
  /// GDK counts buttons like X: 4 to 7 are a wheel, and come as scrolling.
  fileprivate init?(gdk number: guint) {
    switch number {
    case 1: self = .left
    case 2: self = .middle
    case 3: self = .right
    case 8: self = .side
    case 9: self = .extra
    default: return nil
    }
  }
}

private func onKey(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ event: UnsafeMutablePointer<GdkEventKey>?,
  _ data: UnsafeMutableRawPointer?
) -> gboolean {
  guard let event, let key = Keycode(xkb: UInt32(event.pointee.hardware_keycode)) else { return 0 }
  let isDown = event.pointee.type == GDK_KEY_PRESS
  return onMain(data, as: ViewInput.self, otherwise: false) { $0.key(key, down: isDown) } ? 1 : 0
}

private func onButton(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ event: UnsafeMutablePointer<GdkEventButton>?,
  _ data: UnsafeMutableRawPointer?
) -> gboolean {
  guard let event, let button = PointerButton(gdk: event.pointee.button) else { return 0 }
  let (type, x, y) = (event.pointee.type, event.pointee.x, event.pointee.y)
  // GDK reports a second click twice: as a press, and as a double click.
  guard type == GDK_BUTTON_PRESS || type == GDK_BUTTON_RELEASE else { return 1 }
  onMain(data, as: ViewInput.self) {
    $0.button(button, down: type == GDK_BUTTON_PRESS, x: x, y: y)
  }
  return 1
}

private func onMotion(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ event: UnsafeMutablePointer<GdkEvent>?,
  _ data: UnsafeMutableRawPointer?
) -> gboolean {
  var x = 0.0
  var y = 0.0
  guard gdk_event_get_coords(event, &x, &y) != 0 else { return 0 }
  let place = (x, y)
  onMain(data, as: ViewInput.self) { $0.moved(toX: place.0, y: place.1) }
  return 0
}

private func onScroll(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ event: UnsafeMutablePointer<GdkEventScroll>?,
  _ data: UnsafeMutableRawPointer?
) -> gboolean {
  guard let event else { return 0 }
  let turn: (x: Double, y: Double) =
    switch event.pointee.direction {
    case GDK_SCROLL_UP: (0, -1)
    case GDK_SCROLL_DOWN: (0, 1)
    case GDK_SCROLL_LEFT: (-1, 0)
    case GDK_SCROLL_RIGHT: (1, 0)
    default: (event.pointee.delta_x, event.pointee.delta_y)
    }
  return onMain(data, as: ViewInput.self, otherwise: false) { $0.scrolled(dx: turn.x, dy: turn.y) }
    ? 1 : 0
}

/// A finger on the host's touch screen. What is not taken here GTK makes a pointer of: the first finger's
/// place and the first button (GtkWidget's own handler).
private func onTouch(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ event: UnsafeMutablePointer<GdkEvent>?,
  _ data: UnsafeMutableRawPointer?
) -> gboolean {
  guard let touch = event?.pointee.touch else { return 0 }
  let (type, x, y) = (touch.type, touch.x, touch.y)
  let finger = UInt(bitPattern: touch.sequence)
  let isTaken = onMain(data, as: ViewInput.self, otherwise: false) { input in
    switch type {
    case GDK_TOUCH_BEGIN: input.touched(by: finger, x: x, y: y)
    case GDK_TOUCH_UPDATE: input.touchMoved(of: finger, x: x, y: y)
    default: input.touchEnded(of: finger)
    }
  }
  return isTaken ? 1 : 0
}

/// The mark of a view's widget.
private let isView = "vgpu-view"

/// GDK reports a broken grab late: by then a view that had lost its grab to another view may have
/// it again.
private func onGrabBroken(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ event: UnsafeMutablePointer<GdkEvent>?,
  _ data: UnsafeMutableRawPointer?
) -> gboolean {
  var taker: gpointer?
  if let window = event?.pointee.grab_broken.grab_window {
    gdk_window_get_user_data(window, &taker)
  }
  // Views tell each other at once.
  if let taker, g_object_get_data(taker.assumingMemoryBound(to: GObject.self), isView) != nil {
    return 0
  }
  onMain(data, as: ViewInput.self) { $0.endGrab() }
  return 0
}

private func onFocusOut(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ event: UnsafeMutablePointer<GdkEvent>?,
  _ data: UnsafeMutableRawPointer?
) -> gboolean {
  onMain(data, as: ViewInput.self) { $0.endGrab() }
  return 0
}
