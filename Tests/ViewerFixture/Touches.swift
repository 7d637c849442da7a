// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter
import GuestInput
import VGPUDisplay
import ViewerGTK

/// A view that gets the events of fingers, made here because no display server without a screen has any.
@MainActor
final class Touches {
  private let view: GuestView
  private var step = 0
  private static var shown: Touches?

  private init(_ devices: InputDevices) throws {
    view = try GuestView(
      source: try SyntheticSource(
        width: 320, height: 240, buffers: 3, hasCursor: false, offBefore: 0, offAfter: 1e9,
        drawsAt: nil))
    view.input = PrintingInput(state: .ready(devices))
    let window = gtk_window_new(GTK_WINDOW_TOPLEVEL)
    gtk_window_set_default_size(vgpu_gtk_window(window), 320, 240)
    gtk_container_add(vgpu_gtk_container(window), view.widget)
    gtk_widget_show_all(window)
  }

  /// Two fingers, of which one moves and both leave; then one that stays until everything is released.
  static func run(_ devices: InputDevices) throws {
    guard gtk_init_check(nil, nil) != 0 else { throw ViewerError.noDisplayServer }
    shown = try Touches(devices)
    g_timeout_add(
      100,
      { _ in
        MainActor.assumeIsolated { Touches.shown?.proceed() }
        return 1
      }, nil)
    gtk_main()
  }

  private func proceed() {
    guard view.placement != nil else { return }
    step += 1
    switch step {
    case 1: touch(GDK_TOUCH_BEGIN, 7, 0.5, 0.5)
    case 2: touch(GDK_TOUCH_BEGIN, 8, 0, 0)
    case 3: touch(GDK_TOUCH_UPDATE, 7, 0.75, 0.25)
    case 4: touch(GDK_TOUCH_END, 7, 0.75, 0.25)
    case 5: touch(GDK_TOUCH_CANCEL, 8, 0, 0)
    case 6: touch(GDK_TOUCH_BEGIN, 9, 0.25, 0.75)
    case 7: view.releaseKeys()
    default:
      // The thread that draws must not outlive main.
      view.end()
      gtk_main_quit()
    }
  }

  /// - Parameters:
  ///   - finger: the first one is GDK's pointer too.
  ///   - x: the part of the picture's width to its left.
  ///   - y: the part of the picture's height above it.
  private func touch(_ type: GdkEventType, _ finger: Int, _ x: Double, _ y: Double) {
    guard let picture = view.placement?.picture, let event = gdk_event_new(type),
      let window = gtk_widget_get_window(view.widget)
    else {
      return
    }
    event.pointee.touch.window = window
    g_object_ref(UnsafeMutableRawPointer(window))
    event.pointee.touch.sequence = OpaquePointer(bitPattern: finger)
    event.pointee.touch.x = Double(picture.x) + x * Double(picture.width)
    event.pointee.touch.y = Double(picture.y) + y * Double(picture.height)
    event.pointee.touch.emulating_pointer = finger == 7 ? 1 : 0
    let seat = gdk_display_get_default_seat(gtk_widget_get_display(view.widget))
    if let pointer = gdk_seat_get_pointer(seat) { gdk_event_set_device(event, pointer) }
    _ = gtk_widget_event(view.widget, event)
    gdk_event_free(event)
  }
}
