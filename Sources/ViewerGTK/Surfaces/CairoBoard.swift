// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter
import Synchronization
import VGPUDisplay

/// The picture that the render thread copies and GTK's thread draws, where there is no EGL.
final class CairoBoard: @unchecked Sendable {
  // Sendable: everything but the lock is used only while that is held.
  private let lock = Mutex(())
  private var placement: Placement?
  private var picture: SoftwarePicture?
  private var pointer: SoftwarePicture?
  private var pointerArea: PixelRectangle?
  private var overlay: SoftwareOverlay?

  /// Copies a frame.
  ///
  /// - Returns: how many pictures were copied.
  /// - Throws: `GraphicsError.Kind.cannotShow`.
  func update(_ frame: Frame, _ placement: Placement) throws(GraphicsError) -> Int {
    try lock.withLock { _ throws(GraphicsError) in
      try Self.copy(frame.primary, &picture)
      pointerArea = nil
      if let cursor = frame.cursor, (try? Self.copy(cursor.buffer, &pointer)) != nil {
        let size = cursor.buffer.size
        pointerArea = placement.rectangle(
          ofGuest: PixelRectangle(
            x: cursor.x, y: cursor.y, width: size.width, height: size.height))
      }
      self.placement = placement
      return pointerArea == nil ? 1 : 2
    }
  }

  private static func copy(
    _ buffer: PlaneBuffer, _ copy: inout SoftwarePicture?
  ) throws(GraphicsError) {
    let picture: SoftwarePicture
    if let copy, copy.fits(buffer) {
      picture = copy
    } else {
      picture = try SoftwarePicture(for: buffer)
      copy = picture
    }
    try picture.update(buffer)
  }

  /// Lays a picture over the guest's, or none.
  func show(_ overlay: Overlay?) {
    lock.withLock { _ in self.overlay = overlay.flatMap(SoftwareOverlay.init) }
  }

  /// Shows nothing any more.
  func clear() { lock.withLock { _ in placement = nil } }

  /// Draws what was copied.
  ///
  /// - Parameter scale: device pixels of a unit of GTK's.
  func paint(_ context: CairoContext, scale: Int) {
    lock.withLock { _ in
      guard let placement, let picture else { return }
      cairo_save(context)
      // From GTK's units to device pixels, which placements are in.
      cairo_scale(context, 1 / Double(scale), 1 / Double(scale))
      let visible = placement.visible
      cairo_rectangle(
        context, Double(visible.x), Double(visible.y), Double(visible.width),
        Double(visible.height))
      cairo_clip(context)
      Self.paint(picture, placement.picture, placement.filter, context)
      if let pointer, let pointerArea {
        Self.paint(pointer, pointerArea, placement.filter, context)
      }
      cairo_reset_clip(context)
      overlay?.paint(context)
      cairo_restore(context)
    }
  }

  private static func paint(
    _ picture: SoftwarePicture, _ area: PixelRectangle, _ filter: Placement.Filter,
    _ context: CairoContext
  ) {
    let width = Double(cairo_image_surface_get_width(picture.surface))
    let height = Double(cairo_image_surface_get_height(picture.surface))
    cairo_save(context)
    cairo_translate(context, Double(area.x), Double(area.y))
    cairo_scale(context, Double(area.width) / width, Double(area.height) / height)
    cairo_set_source_surface(context, picture.surface, 0, 0)
    let pattern = cairo_get_source(context)
    cairo_pattern_set_filter(
      pattern, filter == .nearest ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_BILINEAR)
    cairo_pattern_set_extend(pattern, CAIRO_EXTEND_PAD)
    cairo_rectangle(context, 0, 0, width, height)
    cairo_fill(context)
    cairo_restore(context)
  }
}
