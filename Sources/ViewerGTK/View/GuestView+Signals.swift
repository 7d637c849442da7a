// SPDX-License-Identifier: Apache-2.0

import CGTK3

// GTK's signals of a view's widget.

func onDraw(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ context: OpaquePointer?,
  _ data: UnsafeMutableRawPointer?
) -> gboolean {
  let address = UInt(bitPattern: context)
  onMain(data, as: GuestView.self) { view in
    if let context = OpaquePointer(bitPattern: address) { view.draw(on: context) }
  }
  return 1
}

func onSizeAllocate(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ allocation: UnsafeMutablePointer<GdkRectangle>?,
  _ data: UnsafeMutableRawPointer?
) {
  onMain(data, as: GuestView.self) { $0.resized() }
}

func onScaleFactor(
  _ object: UnsafeMutableRawPointer?, _ property: UnsafeMutablePointer<GParamSpec>?,
  _ data: UnsafeMutableRawPointer?
) {
  onMain(data, as: GuestView.self) {
    gtk_widget_queue_resize($0.widget)
    $0.resized()
  }
}

func onMap(_ widget: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?) {
  onMain(data, as: GuestView.self) { $0.mapped() }
}

func onUnmap(_ widget: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?) {
  onMain(data, as: GuestView.self) { $0.unmapped() }
}

func onDestroy(_ widget: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?) {
  onMain(data, as: GuestView.self) { $0.end() }
}
