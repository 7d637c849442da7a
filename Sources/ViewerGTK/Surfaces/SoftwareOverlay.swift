// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter
import VGPUDisplay

/// An overlay that cairo draws; used by one thread at a time.
final class SoftwareOverlay {
  private let surface: OpaquePointer
  private let area: PixelRectangle

  /// `nil` when cairo has no memory for it.
  init?(_ overlay: Overlay) {
    let area = overlay.area
    guard
      let surface = cairo_image_surface_create(
        CAIRO_FORMAT_ARGB32, Int32(area.width), Int32(area.height))
    else { return nil }
    guard let target = cairo_image_surface_get_data(surface) else {
      cairo_surface_destroy(surface)
      return nil
    }
    let stride = Int(cairo_image_surface_get_stride(surface))
    overlay.pixels.withUnsafeBytes { pixels in
      for y in 0..<area.height {
        let line = UnsafeRawBufferPointer(
          rebasing: pixels[y * area.width * 4..<(y + 1) * area.width * 4])
        UnsafeMutableRawBufferPointer(start: target + y * stride, count: area.width * 4)
          .copyMemory(from: line)
      }
    }
    cairo_surface_mark_dirty(surface)
    self.area = area
    self.surface = surface
  }

  deinit { cairo_surface_destroy(surface) }

  /// Draws it at its place, on a context whose unit is a device pixel.
  func paint(_ context: CairoContext) {
    cairo_set_source_surface(context, surface, Double(area.x), Double(area.y))
    cairo_paint(context)
  }
}
