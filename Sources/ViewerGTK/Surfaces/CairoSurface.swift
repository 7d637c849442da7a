// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter
import VGPUDisplay

/// The last resort where there is no EGL: the CPU copies every frame, and cairo draws it as part of
/// the widget, at the widget's frame clock.
@MainActor
final class CairoSurface: GuestSurface {
  let backend: ViewerStatistics.Backend?
  let renderer = "cairo"
  private(set) var path: PresentationPath?
  private(set) var counters = RendererCounters()
  let importRefusal: GraphicsError? = nil
  private let widget: UnsafeMutablePointer<GtkWidget>
  private let clock: FrameClock
  private var geometry: SurfaceGeometry
  private var placement: Placement?
  private var picture: SoftwarePicture?
  private var pointer: SoftwarePicture?
  private var pointerArea: PixelRectangle?
  private var overlay: SoftwareOverlay?

  init(
    over widget: UnsafeMutablePointer<GtkWidget>, _ geometry: SurfaceGeometry,
    backend: ViewerStatistics.Backend?, ticks: any SurfaceTicks
  ) {
    self.widget = widget
    self.geometry = geometry
    self.backend = backend
    clock = FrameClock(of: widget, ticks)
  }

  func place(_ geometry: SurfaceGeometry) { self.geometry = geometry }

  func present(_ frame: Frame, _ mode: ScalingMode) throws(GraphicsError) -> Placement {
    let placement = Placement(guest: frame.primary.size, area: geometry.pixels, mode: mode)
    try copy(frame.primary, &picture)
    path = .cairo
    pointerArea = nil
    if let cursor = frame.cursor, (try? copy(cursor.buffer, &pointer)) != nil {
      let size = cursor.buffer.size
      pointerArea = placement.rectangle(
        ofGuest: PixelRectangle(
          x: cursor.x, y: cursor.y, width: size.width, height: size.height))
    }
    self.placement = placement
    counters.draws += 1
    gtk_widget_queue_draw(widget)
    clock.start()
    return placement
  }

  private func copy(
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
    counters.uploads += 1
  }

  func show(_ overlay: Overlay?) { self.overlay = overlay.flatMap(SoftwareOverlay.init) }

  func pixels(of frame: Frame) -> PixelImage? { nil }

  func hide() {
    clock.stop()
    placement = nil
    gtk_widget_queue_draw(widget)
  }

  func paint(_ context: CairoContext) {
    guard let placement, let picture else { return }
    cairo_save(context)
    // From GTK's units to device pixels, which placements are in.
    cairo_scale(context, 1 / Double(geometry.scale), 1 / Double(geometry.scale))
    let visible = placement.visible
    cairo_rectangle(
      context, Double(visible.x), Double(visible.y), Double(visible.width), Double(visible.height))
    cairo_clip(context)
    paint(picture, placement.picture, placement.filter, context)
    if let pointer, let pointerArea { paint(pointer, pointerArea, placement.filter, context) }
    cairo_reset_clip(context)
    overlay?.paint(context)
    cairo_restore(context)
  }

  private func paint(
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

  func dispose() {
    clock.stop()
    picture = nil
    pointer = nil
  }
}
