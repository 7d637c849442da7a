// SPDX-License-Identifier: Apache-2.0

import CGTK3
import GuestInput
import ViewerGTK

/// Two views in one window, which take keyboard and mouse from each other.
@MainActor
final class TwoViews {
  private let views: [GuestView]
  private var step = 0
  private static var shown: TwoViews?

  private init() throws {
    let box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 0)
    views = try (0..<2).map { _ in
      try GuestView(
        source: try SyntheticSource(
          width: 320, height: 240, buffers: 3, hasCursor: false, offBefore: 0, offAfter: 1e9,
          drawsAt: nil))
    }
    let window = gtk_window_new(GTK_WINDOW_TOPLEVEL)
    gtk_window_set_default_size(vgpu_gtk_window(window), 640, 240)
    gtk_container_add(vgpu_gtk_container(window), box)
    for view in views {
      view.input = PrintingInput(state: .ready([.keyboard, .mouse, .tablet]))
      gtk_container_add(vgpu_gtk_container(box), view.widget)
    }
    gtk_widget_show_all(window)
  }

  /// Shows them until each has had the grab and given it up.
  static func run() throws {
    guard gtk_init_check(nil, nil) != 0 else { throw ViewerError.noDisplayServer }
    shown = try TwoViews()
    g_timeout_add(
      100,
      { _ in
        MainActor.assumeIsolated { TwoViews.shown?.proceed() }
        return 1
      }, nil)
    gtk_main()
  }

  /// One step at a time, so that the display server has answered before the next.
  private func proceed() {
    guard views.allSatisfy({ $0.statistics.framesPresented > 0 }) else { return }
    switch step {
    case 0, 4: views[0].toggleGrab()
    case 2: views[1].toggleGrab()
    case 6: views[1].end()
    case 8: views[0].toggleGrab()
    case 10:
      // The threads that draw must not outlive main.
      views[0].end()
      gtk_main_quit()
    default: report("grabs=\(views[0].isGrabbed) \(views[1].isGrabbed)")
    }
    step += 1
  }
}
