// SPDX-License-Identifier: Apache-2.0

package import CGTK3
import SafeText

/// A view's text when there is no picture.
public struct ViewMessage: Hashable, Sendable {
  /// One line: the cause and the remedy.
  public let text: String
  /// Whether no picture can come any more, because the device has no display or is gone.
  public let isFinal: Bool
}

/// A wrapped text in the middle of a dark area, shown in place of a picture.
@MainActor
package enum Message {
  /// Draws it into a widget (pango_cairo_show_layout).
  package static func paint(
    _ text: String, _ widget: UnsafeMutablePointer<GtkWidget>, _ context: CairoContext
  ) {
    let width = Double(gtk_widget_get_allocated_width(widget))
    let height = Double(gtk_widget_get_allocated_height(widget))
    cairo_set_source_rgb(context, 0.13, 0.13, 0.14)
    cairo_paint(context)
    guard
      let layout = gtk_widget_create_pango_layout(
        widget, PlainText.lines(text, limit: PlainText.longest))
    else { return }
    defer { g_object_unref(UnsafeMutableRawPointer(layout)) }
    let column = max(40, min(width - 48, 560))
    pango_layout_set_width(layout, Int32(column * Double(PANGO_SCALE)))
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR)
    pango_layout_set_alignment(layout, PANGO_ALIGN_CENTER)
    if let font = pango_font_description_from_string("Sans 13") {
      pango_layout_set_font_description(layout, font)
      pango_font_description_free(font)
    }
    var textHeight: Int32 = 0
    pango_layout_get_pixel_size(layout, nil, &textHeight)
    cairo_set_source_rgb(context, 0.87, 0.87, 0.87)
    cairo_move_to(
      context, ((width - column) / 2).rounded(),
      max(0, ((height - Double(textHeight)) / 2).rounded()))
    pango_cairo_show_layout(context, layout)
  }
}
