// SPDX-License-Identifier: Apache-2.0

import CGTK3
import CInterface
import EGLPresenter
import Glibc
import GuestControl
import ViewerGTK

/// What a widget of vgpu-gtk3.h has of Swift's: the widget's data, until the widget is destroyed.
@MainActor
final class View {
  let guest: GuestView
  private var control: GuestControl?
  private static let key = "vgpu-view"

  /// Hangs itself on the view's widget.
  init(_ guest: GuestView) {
    self.guest = guest
    let data = Unmanaged.passRetained(self).toOpaque()
    g_object_set_data(Self.object(guest.widget), Self.key, data)
    vgpu_connect(guest.widget, "destroy", onDestroy, data)
  }

  /// The view of a widget.
  static func of(_ widget: UnsafeMutablePointer<GtkWidget>?) throws(Failure) -> View {
    guard let widget else { throw .null("view") }
    guard let data = g_object_get_data(object(widget), key) else {
      throw Failure(.argument, "view: no widget of vgpu_view_new, or destroyed")
    }
    return Unmanaged<View>.fromOpaque(data).takeUnretainedValue()
  }

  /// Where keyboard and mouse go: a socket of QEMU's, or nowhere.
  func setInput(_ socket: String?) {
    control = socket.map { GuestControl(.socket($0)) }
    guest.input = control
  }

  fileprivate func destroyed() {
    setInput(nil)
    g_object_set_data(Self.object(guest.widget), Self.key, nil)
    Unmanaged.passUnretained(self).release()
  }

  /// The widget as the object that it is an instance of.
  private static func object(
    _ widget: UnsafeMutablePointer<GtkWidget>
  ) -> UnsafeMutablePointer<GObject> {
    UnsafeMutableRawPointer(widget).assumingMemoryBound(to: GObject.self)
  }
}

private func onDestroy(_ widget: UnsafeMutableRawPointer?, _ data: UnsafeMutableRawPointer?) {
  guard let data else { return }
  let view = Unmanaged<View>.fromOpaque(data).takeUnretainedValue()
  MainActor.assumeIsolated { view.destroyed() }
}
