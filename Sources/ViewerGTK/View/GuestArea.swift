// SPDX-License-Identifier: Apache-2.0

import CGTK3
import VGPUDisplay

/// The size that a view asks its container for. The natural size is the guest's, so that one pixel of
/// the guest is one of the screen. The view can be smaller, down to nothing, except along a direction
/// in which it scrolls: there a GtkViewport gives its child the least that the child asks for.
@MainActor
final class SizeRequest {
  /// The guest's size in its pixels; `nil` before its first picture.
  var guest: PixelSize?
  private let widget: UnsafeMutablePointer<GtkWidget>
  private var asked: (scrollsAcross: Bool, scrollsDown: Bool) = (false, false)

  init(_ widget: UnsafeMutablePointer<GtkWidget>) { self.widget = widget }

  /// - Parameter scale: device pixels of a unit where the picture is drawn.
  func size(
    along orientation: GtkOrientation, _ scale: SurfaceScale
  ) -> (minimum: Int, natural: Int) {
    guard let guest else { return (0, 0) }
    let pixels = orientation == GTK_ORIENTATION_HORIZONTAL ? guest.width : guest.height
    let natural = scale.units(covering: pixels)
    return (scrolls(along: orientation) ? natural : 0, natural)
  }

  private func scrolls(along orientation: GtkOrientation) -> Bool {
    guard let parent = gtk_widget_get_parent(widget), vgpu_gtk_is_viewport(parent) != 0 else {
      return false
    }
    var across = GTK_POLICY_AUTOMATIC
    var down = GTK_POLICY_AUTOMATIC
    if let window = gtk_widget_get_parent(parent).flatMap({ vgpu_gtk_scrolled_window($0) }) {
      gtk_scrolled_window_get_policy(window, &across, &down)
    }
    return (orientation == GTK_ORIENTATION_HORIZONTAL ? across : down) != GTK_POLICY_NEVER
  }

  /// Asks anew when the container's policy has changed, because GTK remembers what was asked for.
  func followPolicy() {
    let now = (
      scrolls(along: GTK_ORIENTATION_HORIZONTAL), scrolls(along: GTK_ORIENTATION_VERTICAL)
    )
    guard now != asked else { return }
    asked = now
    gtk_widget_queue_resize(widget)
  }
}

/// The class of a view's own widget: a GtkDrawingArea with the view's natural size.
@MainActor
enum GuestArea {
  private static let type: GType = g_type_register_static_simple(
    gtk_drawing_area_get_type(), "VgpuGuestArea",
    guint(MemoryLayout<GtkDrawingAreaClass>.size),
    { data, _ in
      guard let data else { return }
      let methods = data.assumingMemoryBound(to: GtkWidgetClass.self)
      methods.pointee.get_preferred_width = onPreferredWidth
      methods.pointee.get_preferred_height = onPreferredHeight
    },
    guint(MemoryLayout<GtkDrawingArea>.size), nil, GTypeFlags(rawValue: 0))

  /// Makes a widget, with a floating reference; `nil` without memory.
  static func make() -> UnsafeMutablePointer<GtkWidget>? {
    g_object_new_with_properties(type, 0, nil, nil).map {
      UnsafeMutableRawPointer($0).assumingMemoryBound(to: GtkWidget.self)
    }
  }

  /// Sets the view that a widget asks for its size; `nil` for none.
  static func set(_ view: GuestView?, of widget: UnsafeMutablePointer<GtkWidget>) {
    g_object_set_data(
      UnsafeMutableRawPointer(widget).assumingMemoryBound(to: GObject.self), key,
      view.map { Unmanaged.passUnretained($0).toOpaque() })
  }
}

/// The key of a widget's view.
private let key = "vgpu-guest-view"

private func measure(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ orientation: GtkOrientation,
  _ minimum: UnsafeMutablePointer<gint>?, _ natural: UnsafeMutablePointer<gint>?
) {
  let view = widget.flatMap {
    g_object_get_data(UnsafeMutableRawPointer($0).assumingMemoryBound(to: GObject.self), key)
  }
  var size = (minimum: 0, natural: 0)
  onMain(view, as: GuestView.self) { size = $0.preferredSize(along: orientation) }
  minimum?.pointee = gint(clamping: size.minimum)
  natural?.pointee = gint(clamping: size.natural)
}

private func onPreferredWidth(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ minimum: UnsafeMutablePointer<gint>?,
  _ natural: UnsafeMutablePointer<gint>?
) { measure(widget, GTK_ORIENTATION_HORIZONTAL, minimum, natural) }

private func onPreferredHeight(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ minimum: UnsafeMutablePointer<gint>?,
  _ natural: UnsafeMutablePointer<gint>?
) { measure(widget, GTK_ORIENTATION_VERTICAL, minimum, natural) }
