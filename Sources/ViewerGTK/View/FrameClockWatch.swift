// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// Calls in each frame that GTK makes for a window: when all widgets have their places and nothing is
/// painted yet, and when the frame has been painted and handed to the display server. It causes no
/// frames.
@MainActor
final class FrameClockWatch {
  private let clock: OpaquePointer
  private let onPlaced: @MainActor () -> Void
  private let onPainted: @MainActor () -> Void

  /// `nil` when the window has no frame clock.
  init?(
    of window: OpaquePointer, onPlaced: @escaping @MainActor () -> Void,
    onPainted: @escaping @MainActor () -> Void
  ) {
    guard let clock = gdk_window_get_frame_clock(window) else { return nil }
    self.clock = clock
    self.onPlaced = onPlaced
    self.onPainted = onPainted
    g_object_ref(UnsafeMutableRawPointer(clock))
    let data = Unmanaged.borrowed(self)
    let emitter = UnsafeMutableRawPointer(clock)
    vgpu_connect(emitter, "before-paint", onBeforePaint, data)
    // After the containers, which place their children there.
    vgpu_connect_after(emitter, "layout", onLayout, data)
    vgpu_connect_after(emitter, "after-paint", onAfterPaint, data)
  }

  isolated deinit {
    let emitter = UnsafeMutableRawPointer(clock)
    g_signal_handlers_disconnect_matched(
      emitter, G_SIGNAL_MATCH_DATA, 0, 0, nil, nil, Unmanaged.borrowed(self))
    g_object_unref(emitter)
  }

  fileprivate func placed() { onPlaced() }
  fileprivate func painted() { onPainted() }
}

/// GTK leaves the layout phase out when no widget has another size, also when windows have been
/// moved.
private func onBeforePaint(_ clock: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?) {
  gdk_frame_clock_request_phase(clock.map { OpaquePointer($0) }, GDK_FRAME_CLOCK_PHASE_LAYOUT)
}

private func onLayout(_ clock: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?) {
  onMain(data, as: FrameClockWatch.self) { $0.placed() }
}

private func onAfterPaint(_ clock: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?) {
  onMain(data, as: FrameClockWatch.self) { $0.painted() }
}
