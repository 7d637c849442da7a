// SPDX-License-Identifier: Apache-2.0

import CGTK3
import CWayland
import EGLPresenter
import Glibc
import VGPUDisplay

/// The host's pointer over a widget. A person sees one pointer, never two: the host's own, or the
/// guest's in the picture, or the host's with the look of the guest's.
///
/// The last one is the best one, because the display server moves it without the guest's delay. It is
/// possible while the guest gets the pointer's place, because only then are both at the same place.
@MainActor
final class HostPointer {
  private let widget: UnsafeMutablePointer<GtkWidget>
  private var look = Look.host

  private enum Look: Equatable {
    case host
    case hidden
    case guest(PointerImage, width: Int, height: Int)
  }

  init(_ widget: UnsafeMutablePointer<GtkWidget>) { self.widget = widget }

  /// What there is of the guest's pointer; `nil` while there is no picture.
  var guest: GuestPointer? { didSet { show() } }
  /// The place of the guest's picture.
  var placement: Placement? { didSet { show() } }
  /// Device pixels of a unit there.
  var scale = SurfaceScale(whole: 1) { didSet { if scale != oldValue { show() } } }
  /// Whether the guest gets the pointer's place. Such a guest draws its pointer in the picture, or has
  /// hidden it, when it tells no look of it.
  var isAbsolute = false { didSet { show() } }

  private func show() {
    let look: Look =
      switch guest {
      case nil: .host
      case .none?: isAbsolute ? .hidden : .host
      case .drawn?: .hidden
      case .told(let image)?: Self.look(image, placement, enlargement)
      }
    guard look != self.look, let window = gtk_widget_get_window(widget) else { return }
    self.look = look
    let display = gtk_widget_get_display(widget)
    let cursor: OpaquePointer? =
      switch look {
      case .host: nil
      case .hidden: gdk_cursor_new_from_name(display, "none")
      case .guest(let image, let width, let height):
        image.cursor(
          on: display, width: width, height: height,
          scale: SurfaceScale(ofToolkitFor: widget).whole ?? 1)
          ?? gdk_cursor_new_from_name(display, "none")
      }
    gdk_window_set_cursor(window, cursor)
    if let cursor { g_object_unref(UnsafeMutableRawPointer(cursor)) }
  }

  /// GTK gives the compositor a pointer's picture for a whole scale, and a compositor with a fraction
  /// shrinks it.
  private var enlargement: Double {
    SurfaceScale(ofToolkitFor: widget).factor / scale.factor
  }

  /// The guest's pointer as large as the picture is shown.
  private static func look(
    _ image: PointerImage, _ placement: Placement?, _ enlargement: Double
  ) -> Look {
    guard let placement, !placement.guest.isEmpty else { return .hidden }
    func scaled(_ length: Int, _ shown: Int, _ whole: Int) -> Int {
      max(1, Int((Double(length) * Double(shown) / Double(whole) * enlargement).rounded()))
    }
    let width = scaled(image.size.width, placement.picture.width, placement.guest.width)
    let height = scaled(image.size.height, placement.picture.height, placement.guest.height)
    // A larger one than a display server takes is shown smaller.
    let longest = max(width, height)
    func cut(_ length: Int) -> Int {
      longest > PointerImage.most ? max(1, length * PointerImage.most / longest) : length
    }
    return .guest(image, width: cut(width), height: cut(height))
  }
}

/// Makes GDK pass on the pointer's motion at once. GDK 3 keeps the last motion of its queue until
/// another event comes or a frame begins, up to 16 ms, even when a window's event compression is
/// off. So this type adds an empty event after the display server's events.
@MainActor
final class PromptMotion {
  private var connection: guint = 0
  private var turn: guint = 0
  private let isX11: Bool

  init(_ widget: UnsafeMutablePointer<GtkWidget>) {
    let display = gtk_widget_get_display(widget)
    isX11 = vgpu_gdk_is_x11(display) != 0
    let data = Unmanaged.borrowed(self)
    if isX11 {
      // The connection is not watched, because drawing reads from it too, and keeps the events for
      // GDK.
      gdk_window_add_filter(nil, onXEvent, data)
    } else if vgpu_gdk_is_wayland(display) != 0,
      let wayland = gdk_wayland_display_get_wl_display(display)
    {
      // It has GDK's own priority, and so comes after GDK in the same turn of the main loop.
      connection = g_unix_fd_add_full(
        gint(GDK_PRIORITY_EVENTS), wl_display_get_fd(wayland), G_IO_IN, onReadable, data, nil)
    }
  }

  isolated deinit {
    if isX11 { gdk_window_remove_filter(nil, onXEvent, Unmanaged.borrowed(self)) }
    if connection != 0 { g_source_remove(connection) }
    if turn != 0 { g_source_remove(turn) }
  }

  /// In the main loop's next turn, when GDK has put the motion into its queue.
  fileprivate func followNext() {
    guard turn == 0 else { return }
    turn = g_idle_add_full(gint(GDK_PRIORITY_EVENTS), onTurn, Unmanaged.borrowed(self), nil)
  }

  fileprivate func follow() {
    turn = 0
    guard let event = gdk_event_new(GDK_NOTHING) else { return }
    gdk_event_put(event)
    gdk_event_free(event)
  }
}

private func onXEvent(
  _ native: UnsafeMutableRawPointer?, _ event: UnsafeMutablePointer<GdkEvent>?,
  _ data: UnsafeMutableRawPointer?
) -> GdkFilterReturn {
  let type = native?.assumingMemoryBound(to: XEvent.self).pointee.type
  // XInput 2 sends generic events.
  if type == MotionNotify || type == GenericEvent {
    onMain(data, as: PromptMotion.self) { $0.followNext() }
  }
  return GDK_FILTER_CONTINUE
}

private func onTurn(_ data: UnsafeMutableRawPointer?) -> gboolean {
  onMain(data, as: PromptMotion.self) { $0.follow() }
  return 0
}

private func onReadable(
  _ connection: gint, _ condition: GIOCondition, _ data: UnsafeMutableRawPointer?
) -> gboolean {
  // GDK does not read while its queue has events. An event put now would keep GDK from reading, and
  // the main loop would call only this function for ever. The function is called again after GDK
  // has read.
  var entry = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
  guard poll(&entry, 1, 0) == 0 else { return 1 }
  onMain(data, as: PromptMotion.self) { $0.follow() }
  return 1
}
