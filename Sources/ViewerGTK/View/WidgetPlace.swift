// SPDX-License-Identifier: Apache-2.0

import CGTK3
import VGPUDisplay

/// The place at which GTK shows a widget now, after all of its ancestors' scrolling and sliding. It is
/// computed from GDK's windows, which every container moves and which cut off their children. So no
/// container needs a rule of its own here.
struct WidgetPlace: Equatable {
  let geometry: SurfaceGeometry
  /// Whether the screen shows the widget at that place, with nothing over it. Else only GTK can draw
  /// the picture correctly: a transition draws the widget elsewhere or mixes it with something, or
  /// another widget lies over it.
  let isPlain: Bool
  /// Whether the native window is one of the display server's, and can have a surface above it.
  let isOnScreen: Bool

  /// It allocates no memory.
  ///
  /// - Returns: `nil` when the widget is not realized.
  @MainActor
  init?(of widget: UnsafeMutablePointer<GtkWidget>) {
    guard let window = gtk_widget_get_window(widget),
      let native = gdk_window_get_toplevel(window)
    else { return nil }
    let allocation = Self.area(of: widget)
    let area = PixelRectangle(
      x: Int(allocation.x), y: Int(allocation.y), width: max(1, Int(allocation.width)),
      height: max(1, Int(allocation.height)))
    let origin = (x: area.x, y: area.y)
    var corner = (x: area.x, y: area.y)
    var visible = area.intersection(Self.extent(of: window))
    Self.forEachAncestor(of: window, upTo: native) { current, parent in
      let offset = Self.position(of: current)
      corner = (corner.x + offset.x, corner.y + offset.y)
      visible.x += offset.x
      visible.y += offset.y
      visible = visible.intersection(Self.extent(of: parent))
    }
    // Back into the window's own units.
    visible.x -= corner.x - origin.x
    visible.y -= corner.y - origin.y
    geometry = SurfaceGeometry(
      x: corner.x, y: corner.y, width: area.width, height: area.height,
      visible: PixelRectangle(
        x: visible.x - origin.x, y: visible.y - origin.y, width: visible.width,
        height: visible.height),
      scale: SurfaceScale(ofToolkitFor: widget))
    isOnScreen = gdk_window_get_window_type(native) != GDK_WINDOW_OFFSCREEN
    isPlain =
      isOnScreen && !Self.isInTransition(widget) && !Self.isCovered(visible, of: window, native)
  }

  /// Where a widget is in its GDK window, which may be its own or an ancestor's.
  @MainActor
  static func area(of widget: UnsafeMutablePointer<GtkWidget>) -> GdkRectangle {
    var area = GdkRectangle()
    gtk_widget_get_allocation(widget, &area)
    if gtk_widget_get_has_window(widget) != 0 { (area.x, area.y) = (0, 0) }
    return area
  }

  private static func extent(of window: OpaquePointer) -> PixelRectangle {
    PixelRectangle(
      x: 0, y: 0, width: Int(gdk_window_get_width(window)),
      height: Int(gdk_window_get_height(window)))
  }

  private static func position(of window: OpaquePointer) -> (x: Int, y: Int) {
    var x: gint = 0
    var y: gint = 0
    gdk_window_get_position(window, &x, &y)
    return (Int(x), Int(y))
  }

  private static func forEachAncestor(
    of window: OpaquePointer, upTo native: OpaquePointer,
    _ body: (_ current: OpaquePointer, _ parent: OpaquePointer) -> Void
  ) {
    var current = window
    while current != native, let parent = gdk_window_get_parent(current) {
      body(current, parent)
      current = parent
    }
  }

  /// Whether an ancestor shows a transition, or is translucent. A toplevel's opacity is the display
  /// server's matter.
  @MainActor
  private static func isInTransition(_ widget: UnsafeMutablePointer<GtkWidget>) -> Bool {
    var ancestor: UnsafeMutablePointer<GtkWidget>? = widget
    while let current = ancestor, gtk_widget_is_toplevel(current) == 0 {
      if gtk_widget_get_opacity(current) < 1 || vgpu_gtk_is_in_transition(current) != 0 {
        return true
      }
      ancestor = gtk_widget_get_parent(current)
    }
    return false
  }

  /// Whether another window of GDK's lies over a part of a window: of an overlay's child, a
  /// scrollbar, on X11 of a popover.
  private static func isCovered(
    _ part: PixelRectangle, of window: OpaquePointer, _ native: OpaquePointer
  ) -> Bool {
    var part = part
    var isCovered = covers(part, gdk_window_peek_children(window), until: nil)
    forEachAncestor(of: window, upTo: native) { current, parent in
      let offset = position(of: current)
      part.x += offset.x
      part.y += offset.y
      if !isCovered { isCovered = covers(part, gdk_window_peek_children(parent), until: current) }
    }
    return isCovered
  }

  /// Whether one of a window's children lies over a part of the window.
  ///
  /// - Parameters:
  ///   - children: the children, the topmost first.
  ///   - end: the child from which on the rest lies below the part.
  private static func covers(
    _ part: PixelRectangle, _ children: UnsafeMutablePointer<GList>?, until end: OpaquePointer?
  ) -> Bool {
    var node = children
    while let link = node, let data = link.pointee.data {
      let child = OpaquePointer(data)
      if child == end { return false }
      node = link.pointee.next
      guard gdk_window_is_visible(child) != 0, gdk_window_is_input_only(child) == 0 else {
        continue
      }
      var area = extent(of: child)
      // GDK's windows have at least one pixel, so that this is a widget that has been folded up.
      guard area.width > 1, area.height > 1 else { continue }
      (area.x, area.y) = position(of: child)
      let common = part.intersection(area)
      if common.width > 0, common.height > 0 { return true }
    }
    return false
  }
}
