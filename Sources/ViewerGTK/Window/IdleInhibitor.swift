// SPDX-License-Identifier: Apache-2.0

import CGTK3
import CWayland

/// Keeps the host from going to rest (screen saver, dimming, lock) while somebody watches a guest: by the
/// compositor (idle-inhibit) and by the session's screen saver. Both, because a compositor may have the
/// protocol and keep it for surfaces that nothing covers, as mutter does, and not every session has a screen
/// saver on its bus. What is not there does nothing.
@MainActor
final class IdleInhibitor {
  private let window: UnsafeMutablePointer<GtkWidget>
  private let reason: String
  private var surface: WaylandObject?
  private var saver: ScreenSaverHold?

  /// - Parameters:
  ///   - window: a toplevel, which must outlive this object.
  ///   - reason: why, for a person who asks the desktop.
  init(of window: UnsafeMutablePointer<GtkWidget>, because reason: String) {
    self.window = window
    self.reason = reason
  }

  isolated deinit { end() }

  /// Whether the host is kept from going to rest.
  var isOn = false {
    didSet {
      guard isOn != oldValue else { return }
      if isOn { begin() } else { end() }
    }
  }

  private var connection: OpaquePointer? {
    let display = gtk_widget_get_display(window)
    return vgpu_gdk_is_wayland(display) != 0 ? gdk_wayland_display_get_wl_display(display) : nil
  }

  private func begin() {
    saver = ScreenSaverHold(because: reason)
    guard let connection, let native = gtk_widget_get_window(window),
      let surface = gdk_wayland_window_get_wl_surface(native)
    else { return }
    self.surface = WaylandGlobals(connection)?.idleInhibitor(of: surface)
    wl_display_flush(connection)
  }

  private func end() {
    saver?.end()
    saver = nil
    guard surface.take() != nil, let connection else { return }
    wl_display_flush(connection)
  }
}

/// Decides whether somebody watches a guest: the guest plays sound, or the window is on the whole screen and
/// the guest's picture moves, as a film's does.
struct WatchedGuest {
  private var presented = 0
  private var motion = 0
  private var sound = 0

  /// After so many looks a picture that moves is a film, and one that rests is none. After so many a guest
  /// that is silent has not only taken breath.
  private static let patience = 5
  /// Fewer frames from one look to the next are a cursor that blinks, or a clock.
  private static let fewest = 10

  init() {}

  /// Whether nothing has moved or sounded for so long that further looks would tell the same.
  var isAtRest: Bool { motion == 0 && sound == 0 }

  /// Looks at the guest. Call it once a second.
  ///
  /// - Parameters:
  ///   - presented: the number of all frames so far.
  ///   - isFullscreen: whether the window is on the whole screen.
  ///   - isPlaying: whether the guest plays sound.
  /// - Returns: whether the host must stay awake.
  mutating func look(presented: Int, isFullscreen: Bool, isPlaying: Bool) -> Bool {
    let moves = presented - self.presented >= Self.fewest
    self.presented = presented
    motion = moves ? min(motion + 1, 2 * Self.patience) : max(motion - 1, 0)
    sound = isPlaying ? Self.patience : max(sound - 1, 0)
    return sound > 0 || (isFullscreen && motion >= Self.patience)
  }
}
