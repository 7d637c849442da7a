// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter
import FrameStatistics
import Glibc
import GuestInput
import ViewerGTK

typealias Widget = UnsafeMutablePointer<GtkWidget>

func cast<T>(_ widget: Widget?, to type: T.Type) -> UnsafeMutablePointer<T>? {
  widget.map { UnsafeMutableRawPointer($0).assumingMemoryBound(to: type) }
}

/// A window of 640x480 with two halves that have the same ancestors: on the left of a view, on the
/// right of a widget that draws the view's picture by cairo, as GTK means widgets to be drawn. Both
/// halves must look the same at every moment.
///
/// It is told by lines of its standard input what to do, and answers each: `scene NAME WIDTH HEIGHT`
/// makes new halves with a picture of that size, any other line goes to the scene of both.
@MainActor
final class Ancestors {
  private static var shown: Ancestors?
  private var window: Widget
  private let outer: Widget
  private var halves: [any Scene] = []
  private var view: GuestView?
  private let options: [String: String]

  private init(_ options: [String: String]) {
    self.options = options
    outer = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 0)
    gtk_widget_set_direction(outer, GTK_TEXT_DIR_LTR)
    gtk_box_set_homogeneous(cast(outer, to: GtkBox.self), 1)
    window = Self.makeWindow(options)
    gtk_container_add(vgpu_gtk_container(window), outer)
    gtk_widget_show_all(window)
  }

  private static func makeWindow(_ options: [String: String]) -> Widget {
    let window: Widget = gtk_window_new(GTK_WINDOW_TOPLEVEL)
    gtk_window_set_decorated(vgpu_gtk_window(window), 0)
    gtk_window_set_default_size(vgpu_gtk_window(window), 640, 480)
    if options["fullscreen"] != nil { gtk_window_fullscreen(vgpu_gtk_window(window)) }
    return window
  }

  static func run(_ options: [String: String]) throws {
    guard gtk_init_check(nil, nil) != 0 else { throw ViewerError.noDisplayServer }
    // What a scrolled window draws over its child, without a window that a view could notice.
    let plain = "undershoot, overshoot { background: none; } * { caret-color: transparent; }"
    let style = gtk_css_provider_new()
    gtk_css_provider_load_from_data(style, plain, -1, nil)
    gtk_style_context_add_provider_for_screen(
      gdk_screen_get_default(), OpaquePointer(style), guint(GTK_STYLE_PROVIDER_PRIORITY_APPLICATION)
    )
    if options["rtl"] != nil { gtk_widget_set_default_direction(GTK_TEXT_DIR_RTL) }
    shown = Ancestors(options)
    onOrders { shown?.follow($0) }
    gtk_main()
    shown?.view?.end()
  }

  private func follow(_ words: [String]) {
    switch words.first {
    case nil, "quit": gtk_main_quit()
    case "scene": make(words[1], Int(words[2]) ?? 1, Int(words[3]) ?? 1)
    case "window": move(to: Self.makeWindow(options))
    case "offscreen": move(to: gtk_offscreen_window_new())
    case "picture": report("same=\(Set(halves.map { drawn($0.root) }).count == 1)")
    case "path": report("path=\(view?.statistics.path?.rawValue ?? "none")")
    case let order?:
      for half in halves { half.follow(order, words.dropFirst().compactMap { Int($0) }) }
    }
    report("done")
  }

  private func make(_ name: String, _ width: Int, _ height: Int) {
    for half in halves { gtk_widget_destroy(half.root) }
    view?.end()
    halves = []
    guard let made = sceneTypes[name] else { return report("error=no scene \(name)") }
    guard
      let view = try? GuestView(
        source: try SyntheticSource(
          width: width, height: height, buffers: 1, hasCursor: false, offBefore: 0,
          offAfter: 1e9, drawsAt: nil), scaling: .oneToOne)
    else { return report("error=no view") }
    if options["deaf"] == nil {
      view.input = PrintingInput(state: .ready([.keyboard, .mouse, .tablet]))
    }
    self.view = view
    for guest in [view.widget, Reference.make(width, height)] {
      let half = made.init(guest)
      halves.append(half)
      gtk_container_add(vgpu_gtk_container(outer), half.root)
    }
    gtk_widget_show_all(outer)
  }

  /// What GTK draws of a widget elsewhere than on the screen.
  private func drawn(_ widget: Widget) -> [UInt8] {
    let size = (
      width: gtk_widget_get_allocated_width(widget), height: gtk_widget_get_allocated_height(widget)
    )
    guard let image = cairo_image_surface_create(CAIRO_FORMAT_RGB24, size.width, size.height),
      let context = cairo_create(image)
    else { return [] }
    gtk_widget_draw(widget, context)
    cairo_destroy(context)
    cairo_surface_flush(image)
    defer { cairo_surface_destroy(image) }
    let count = Int(cairo_image_surface_get_stride(image)) * Int(size.height)
    return [UInt8](UnsafeBufferPointer(start: cairo_image_surface_get_data(image), count: count))
  }

  private func move(to other: Widget) {
    g_object_ref(outer)
    gtk_container_remove(vgpu_gtk_container(window), outer)
    gtk_container_add(vgpu_gtk_container(other), outer)
    g_object_unref(outer)
    gtk_widget_show_all(other)
    window = other
  }
}

/// A widget that draws the synthetic picture by cairo, one to one in the middle, as a view does.
@MainActor
enum Reference {
  static let name = "reference"
  private static var pictures: [Int: OpaquePointer] = [:]

  static func make(_ width: Int, _ height: Int) -> Widget {
    let area: Widget = gtk_drawing_area_new()
    gtk_widget_set_name(area, name)
    gtk_widget_set_hexpand(area, 1)
    gtk_widget_set_vexpand(area, 1)
    let picture = pictures[width << 16 | height] ?? draw(width, height)
    pictures[width << 16 | height] = picture
    vgpu_connect_draw(area, onDraw, UnsafeMutableRawPointer(picture))
    return area
  }

  private static func draw(_ width: Int, _ height: Int) -> OpaquePointer? {
    guard
      let picture = cairo_image_surface_create(CAIRO_FORMAT_RGB24, Int32(width), Int32(height)),
      let data = cairo_image_surface_get_data(picture)
    else { return nil }
    let stride = Int(cairo_image_surface_get_stride(picture))
    for y in 0..<height {
      for x in 0..<width {
        UnsafeMutableRawPointer(data).storeBytes(
          of: SyntheticSource.pixel(x, y), toByteOffset: y * stride + x * 4, as: UInt32.self)
      }
    }
    cairo_surface_mark_dirty(picture)
    return picture
  }
}

private func onDraw(
  _ widget: UnsafeMutablePointer<GtkWidget>?, _ context: OpaquePointer?,
  _ data: UnsafeMutableRawPointer?
) -> gboolean {
  guard let data else { return 0 }
  let picture = OpaquePointer(data)
  func middle(_ space: gint, _ length: gint) -> Double { Double((Int(space) - Int(length)) >> 1) }
  cairo_set_source_rgb(context, 0, 0, 0)
  cairo_paint(context)
  cairo_set_source_surface(
    context, picture,
    middle(gtk_widget_get_allocated_width(widget), cairo_image_surface_get_width(picture)),
    middle(gtk_widget_get_allocated_height(widget), cairo_image_surface_get_height(picture)))
  cairo_paint(context)
  return 1
}
