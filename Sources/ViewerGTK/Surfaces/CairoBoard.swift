// SPDX-License-Identifier: Apache-2.0

import CGTK3
import DMABuf
import EGLPresenter
import LinuxSystem
import Synchronization
import VGPUDisplay

/// The picture that the render thread copies and GTK's thread draws, on a machine without EGL.
final class CairoBoard: @unchecked Sendable {
  // Sendable: everything except the lock is used only while the lock is held.
  private let lock = Mutex(())
  private var placement: Placement?
  private var picture: SoftwarePicture?
  private var pointer: SoftwarePicture?
  private var pointerArea: PixelRectangle?
  private var overlay: SoftwareOverlay?

  /// Copies a frame.
  ///
  /// - Returns: the number of copied pictures.
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

  /// Lays a picture over the guest's picture, or removes it.
  func show(_ overlay: Overlay?) {
    lock.withLock { _ in self.overlay = overlay.flatMap(SoftwareOverlay.init) }
  }

  /// Removes the picture.
  func clear() { lock.withLock { _ in placement = nil } }

  /// Draws the copied picture.
  ///
  /// - Parameter scale: device pixels of a unit of GTK's.
  func paint(_ context: CairoContext, scale: Int) {
    lock.withLock { _ in
      guard let placement, let picture else { return }
      cairo_save(context)
      // From GTK's units to device pixels, because placements are in device pixels.
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

/// A copy of a plane's pixels that cairo can draw, refreshed from the mapped buffer.
final class SoftwarePicture {
  private let image: CairoImage
  private let layout: ImageLayout

  /// Makes room for pictures like this buffer's.
  ///
  /// - Throws: `GraphicsError.Kind.cannotShow` for a format that the CPU cannot turn into RGB.
  init(for buffer: PlaneBuffer) throws(GraphicsError) {
    layout = buffer.layout
    guard layout.format.model == .rgb, layout.modifier == .linear, layout.linearEnd != nil else {
      throw GraphicsError(
        .cannotShow, "\(buffer.layout)", "without EGL only RGB that lies line after line is shown",
        remedy: "install the GPU's EGL driver")
    }
    guard
      let image = CairoImage(
        layout.format.hasAlpha ? CAIRO_FORMAT_ARGB32 : CAIRO_FORMAT_RGB24, layout.width,
        layout.height)
    else { throw GraphicsError(.cannotShow, "\(buffer.layout)", "cairo has no memory for it") }
    self.image = image
  }

  var surface: OpaquePointer { image.surface }

  /// Whether a picture of this size, format and stride can be copied into this copy.
  func fits(_ buffer: PlaneBuffer) -> Bool { layout == buffer.layout }

  /// Copies the buffer's pixels as they are now.
  func update(_ buffer: PlaneBuffer) throws(GraphicsError) {
    do {
      try buffer.withPixels { (bytes) throws(SystemCallError) in copy(bytes) }
    } catch {
      throw GraphicsError(.cannotShow, "\(buffer.layout)", "the CPU cannot read it: \(error)")
    }
    cairo_surface_mark_dirty(surface)
  }

  private func copy(_ bytes: UnsafeRawBufferPointer) {
    cairo_surface_flush(surface)
    guard let end = layout.linearEnd, end <= bytes.count, let source = bytes.baseAddress,
      let plane = layout.planes.first
    else { return }
    for y in 0..<layout.height {
      copyLine(source + plane.offset + y * plane.stride, to: image.data + y * image.stride)
    }
  }

  /// One line into cairo's format: a 32-bit word with blue lowest, colours multiplied by alpha.
  private func copyLine(_ source: UnsafeRawPointer, to line: UnsafeMutableRawPointer) {
    let pixels = line.assumingMemoryBound(to: UInt32.self)
    func word(_ x: Int) -> UInt32 {
      UInt32(littleEndian: source.loadUnaligned(fromByteOffset: x * 4, as: UInt32.self))
    }
    switch layout.format.fourCC {
    case .xrgb8888, .argb8888:
      line.copyMemory(from: source, byteCount: layout.width * 4)
    case .xbgr8888, .abgr8888:
      for x in 0..<layout.width {
        let word = word(x)
        pixels[x] = word & 0xFF00_FF00 | (word & 0xFF) << 16 | (word >> 16) & 0xFF
      }
    case .rgb888:
      for x in 0..<layout.width {
        let bytes = (source + x * 3).assumingMemoryBound(to: UInt8.self)
        pixels[x] = UInt32(bytes[0]) | UInt32(bytes[1]) << 8 | UInt32(bytes[2]) << 16
      }
    case .rgb565:
      for x in 0..<layout.width {
        let word = UInt32(
          UInt16(littleEndian: source.loadUnaligned(fromByteOffset: x * 2, as: UInt16.self)))
        let red = (word >> 11) * 255 / 31
        let green = (word >> 5 & 63) * 255 / 63
        pixels[x] = red << 16 | green << 8 | (word & 31) * 255 / 31
      }
    case .xrgb2101010:
      for x in 0..<layout.width {
        let word = word(x)
        pixels[x] = (word >> 22 & 255) << 16 | (word >> 12 & 255) << 8 | (word >> 2 & 255)
      }
    case .xbgr2101010:
      for x in 0..<layout.width {
        let word = word(x)
        pixels[x] = (word >> 2 & 255) << 16 | (word >> 12 & 255) << 8 | (word >> 22 & 255)
      }
    default:
      break
    }
  }
}

/// An overlay that cairo draws; used by one thread at a time.
final class SoftwareOverlay {
  private let image: CairoImage
  private let area: PixelRectangle

  /// `nil` when cairo has no memory for it.
  init?(_ overlay: Overlay) {
    let area = overlay.area
    guard let image = CairoImage(CAIRO_FORMAT_ARGB32, area.width, area.height) else { return nil }
    overlay.pixels.withUnsafeBytes { pixels in
      for y in 0..<area.height {
        let line = UnsafeRawBufferPointer(
          rebasing: pixels[y * area.width * 4..<(y + 1) * area.width * 4])
        UnsafeMutableRawBufferPointer(start: image.data + y * image.stride, count: area.width * 4)
          .copyMemory(from: line)
      }
    }
    cairo_surface_mark_dirty(image.surface)
    self.area = area
    self.image = image
  }

  /// Draws it at its place, on a context whose unit is a device pixel.
  func paint(_ context: CairoContext) {
    cairo_set_source_surface(context, image.surface, Double(area.x), Double(area.y))
    cairo_paint(context)
  }
}

/// An image in memory that cairo draws and is drawn on (cairo_image_surface_create).
final class CairoImage {
  /// A `cairo_surface_t *`.
  let surface: OpaquePointer
  /// The first line; each further line is `stride` bytes later.
  let data: UnsafeMutableRawPointer
  let stride: Int

  /// `nil` when cairo has no memory for it.
  init?(_ format: cairo_format_t, _ width: Int, _ height: Int) {
    // Cairo never returns a null pointer: the status tells a failure, and the surface then has no
    // data.
    guard let surface = cairo_image_surface_create(format, Int32(width), Int32(height)) else {
      return nil
    }
    guard let data = cairo_image_surface_get_data(surface) else {
      cairo_surface_destroy(surface)
      return nil
    }
    self.surface = surface
    self.data = UnsafeMutableRawPointer(data)
    stride = Int(cairo_image_surface_get_stride(surface))
  }

  deinit { cairo_surface_destroy(surface) }
}
