// SPDX-License-Identifier: Apache-2.0

package import CGTK3
import SafeText

/// A view's text when there is no picture.
public struct ViewMessage: Hashable, Sendable {
  /// One line: the cause and the remedy.
  public let text: String
  /// Whether no picture can come any more, because the device has no display or is gone.
  public let isFinal: Bool

  /// The same with an offer.
  func offering(_ text: String) -> ViewMessage {
    let end = self.text.last.map { ".!?".contains($0) } == true ? "" : "."
    return ViewMessage(text: "\(self.text)\(end) \(text)", isFinal: isFinal)
  }
}

/// The way to take a guest's screen back from another program. The view's message names the key for it.
public struct TakeBackOffer: Sendable {
  /// Whether another program has the screen, on any thread.
  public let isDue: @Sendable () -> Bool
  /// Takes it back, on any thread; does not wait.
  public let accept: @Sendable () -> Void

  /// Makes an offer.
  public init(isDue: @escaping @Sendable () -> Bool, accept: @escaping @Sendable () -> Void) {
    self.isDue = isDue
    self.accept = accept
  }

  /// What a window says while it is due.
  static var text: String { translated("Press Enter to take the display back.") }
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
