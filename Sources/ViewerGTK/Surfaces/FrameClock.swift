// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// A widget's frame clock (gtk_widget_add_tick_callback), while it is wanted.
@MainActor
final class FrameClock {
  private let widget: UnsafeMutablePointer<GtkWidget>
  private unowned let ticks: any SurfaceTicks
  private var id: guint = 0

  init(of widget: UnsafeMutablePointer<GtkWidget>, _ ticks: any SurfaceTicks) {
    self.widget = widget
    self.ticks = ticks
  }

  func start() {
    guard id == 0 else { return }
    id = gtk_widget_add_tick_callback(
      widget,
      { _, _, data in
        // Isolated like its surroundings, and without the allocation of `onMain`: once per frame.
        guard let data else { return 1 }
        Unmanaged<FrameClock>.fromOpaque(data).takeUnretainedValue().ticks.tick()
        return 1
      }, Unmanaged.borrowed(self), nil)
  }

  func stop() {
    guard id != 0 else { return }
    gtk_widget_remove_tick_callback(widget, id)
    id = 0
  }
}
