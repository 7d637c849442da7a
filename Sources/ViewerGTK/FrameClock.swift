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
    id = gtk_widget_add_tick_callback(widget, onTick, Unmanaged.borrowed(self), nil)
  }

  func stop() {
    guard id != 0 else { return }
    gtk_widget_remove_tick_callback(widget, id)
    id = 0
  }

  fileprivate func tick() { ticks.tick() }
}

private func onTick(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ clock: OpaquePointer?,
  _ data: UnsafeMutableRawPointer?
) -> gboolean {
  onMain(data, as: FrameClock.self) { $0.tick() }
  return 1
}
