// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter
import LinuxSystem
public import VGPUDisplay

/// A toplevel window with a guest's screen: its title tells the guest's name and the frame rate, it
/// begins with the guest's size, F11 or Ctrl+Alt+F switches to the whole screen and back.
///
/// Keep it as long as it is to be shown; the user may close it earlier.
@MainActor
public final class ViewerWindow {
  /// The guest's screen.
  public let view: GuestView
  /// Called once, when the window is gone.
  public var onClose: (@MainActor () -> Void)?

  private let name: String
  private var window: UnsafeMutablePointer<GtkWidget>?
  private var titleTimer: Timer?
  private var titled = (frames: 0, at: MonotonicInstant.now)
  private var isFullscreen: Bool
  private var hasGuestSize = false

  /// Makes the window and shows it. gtk_init has been called.
  ///
  /// - Parameter source: looked at once, for the window's size.
  public init(source: any FrameSource, options: ViewerOptions = ViewerOptions()) {
    name = options.name ?? source.name
    isFullscreen = options.isFullscreen
    view = GuestView(
      source: source, scaling: options.scaling, alwaysUploads: options.alwaysUploads)
    guard let window = gtk_window_new(GTK_WINDOW_TOPLEVEL) else { return }
    self.window = window
    gtk_container_add(vgpu_gtk_container(window), view.widget)
    let data = Unmanaged.borrowed(self)
    vgpu_connect_key_press(window, onKeyPress, data)
    vgpu_connect(window, "destroy", onWindowDestroy, data)
    gtk_window_set_default_size(vgpu_gtk_window(window), 1024, 768)
    if case .frame(let frame) = source.poll() {
      adopt(frame.primary.size)
    }
    view.onResize = { [unowned self] size in adopt(size) }
    updateTitle()
    titleTimer = Timer(milliseconds: 1000) { [unowned self] in updateTitle() }
    if isFullscreen { gtk_window_fullscreen(vgpu_gtk_window(window)) }
    gtk_widget_show_all(window)
  }

  isolated deinit {
    close()
  }

  /// Closes the window (gtk_widget_destroy), if the user has not.
  public func close() {
    if let window { gtk_widget_destroy(window) }
  }

  fileprivate func destroyed() {
    titleTimer = nil
    window = nil
    onClose?()
    onClose = nil
  }

  /// The guest's first size becomes the window's, as far as the monitor allows. Later ones are
  /// scaled into the window that the user has.
  private func adopt(_ guest: PixelSize) {
    guard let window, !hasGuestSize else { return }
    hasGuestSize = true
    let scale = max(1, Int(gtk_widget_get_scale_factor(window)))
    var width = max(1, (guest.width + scale - 1) / scale)
    var height = max(1, (guest.height + scale - 1) / scale)
    if let limit = workArea(window), width > limit.width || height > limit.height {
      let fitted = Placement(guest: guest, area: limit, mode: .fit).picture
      width = fitted.width
      height = fitted.height
    }
    gtk_window_resize(vgpu_gtk_window(window), gint(width), gint(height))
  }

  private func workArea(_ window: UnsafeMutablePointer<GtkWidget>) -> PixelSize? {
    guard let display = gtk_widget_get_display(window),
      // Wayland has no primary monitor.
      let monitor = gdk_display_get_primary_monitor(display) ?? gdk_display_get_monitor(display, 0)
    else { return nil }
    var area = GdkRectangle()
    gdk_monitor_get_workarea(monitor, &area)
    guard area.width > 0, area.height > 0 else { return nil }
    return PixelSize(width: Int(area.width), height: Int(area.height))
  }

  /// Such as `laptop — 60 fps — 150 % — swift-vgpu`.
  private func updateTitle() {
    guard let window else { return }
    let now = MonotonicInstant.now
    let frames = view.statistics.framesPresented
    let seconds = now.seconds(since: titled.at)
    var parts = [name]
    if view.placement != nil, seconds > 0 {
      let rate = Double(frames - titled.frames) / seconds
      parts.append("\(Int(rate.rounded())) fps")
    }
    titled = (frames, now)
    if let placement = view.placement, !placement.isOneToOne {
      parts.append("\(Int((placement.scale * 100).rounded())) %")
    }
    parts.append("swift-vgpu")
    gtk_window_set_title(vgpu_gtk_window(window), parts.joined(separator: " — "))
  }

  /// Whether the key was one of the window's own.
  fileprivate func pressed(_ key: guint, _ state: guint) -> Bool {
    let both = GDK_CONTROL_MASK.rawValue | GDK_MOD1_MASK.rawValue
    let isToggle =
      key == guint(GDK_KEY_F11)
      || (state & both == both && (key == guint(GDK_KEY_f) || key == guint(GDK_KEY_F)))
    guard isToggle, let window else { return false }
    isFullscreen.toggle()
    if isFullscreen {
      gtk_window_fullscreen(vgpu_gtk_window(window))
    } else {
      gtk_window_unfullscreen(vgpu_gtk_window(window))
    }
    return true
  }
}

private func onKeyPress(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ event: UnsafeMutablePointer<GdkEventKey>?,
  _ data: UnsafeMutableRawPointer?
) -> gboolean {
  guard let event else { return 0 }
  let key = event.pointee.keyval
  let state = event.pointee.state
  var isOurs = false
  onMain(data, as: ViewerWindow.self) { isOurs = $0.pressed(key, state) }
  return isOurs ? 1 : 0
}

private func onWindowDestroy(_ widget: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?) {
  onMain(data, as: ViewerWindow.self) { $0.destroyed() }
}
