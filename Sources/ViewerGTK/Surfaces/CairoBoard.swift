// SPDX-License-Identifier: Apache-2.0

import CGTK3
import DMABuf
import EGLPresenter
import Glibc
import LinuxSystem
import Synchronization
import VGPUDisplay

/// The picture that the render thread copies and GTK's thread draws, while the view has no surface of
/// its own on the screen.
final class CairoBoard: @unchecked Sendable {
  // Sendable: everything except the lock is used only while the lock is held.
  private let lock = Mutex(())
  private var placement: Placement?
  private var picture: SoftwarePicture?
  private var pointer: SoftwarePicture?
  private var pointerArea: PixelRectangle?
  private var overlay: SoftwareOverlay?

  /// What a copied frame has changed.
  struct Update {
    /// The number of copied pictures.
    var copies: Int
    /// The device pixels that may look otherwise than before; `nil` for all.
    var changed: Damage?
  }

  /// Copies a frame.
  ///
  /// - Parameters:
  ///   - reader: reads a frame that the CPU cannot read; `nil` for none.
  ///   - damage: the guest's pixels that may differ from the last copied frame; `nil` for all.
  /// - Throws: `GraphicsError.Kind.cannotShow`.
  func update(
    _ frame: Frame, _ placement: Placement, _ reader: (any Canvas)?, _ damage: Damage? = nil
  ) throws(GraphicsError) -> Update {
    try lock.withLock { _ throws(GraphicsError) in
      var changed = placement == self.placement ? damage.map { placement.reach(ofGuest: $0) } : nil
      if let old = pointerArea { changed?.add(old.intersection(placement.visible)) }
      pointerArea = nil
      do throws(GraphicsError) {
        if try !Self.copy(frame.primary, &picture, damage) { changed = nil }
      } catch {
        guard let image = try reader?.pixels(of: frame), let read = SoftwarePicture(image) else {
          throw error
        }
        picture = read
        self.placement = placement
        return Update(copies: 1, changed: nil)
      }
      if let cursor = frame.cursor, (try? Self.copy(cursor.buffer, &pointer, nil)) != nil {
        let area = placement.rectangle(of: cursor)
        pointerArea = area
        changed?.add(area.intersection(placement.visible))
      }
      self.placement = placement
      return Update(copies: pointerArea == nil ? 1 : 2, changed: changed)
    }
  }

  /// - Parameter damage: the pixels that may differ from the copy's; `nil` for all.
  /// - Returns: whether the copy had the earlier picture, so that the damage was enough.
  private static func copy(
    _ buffer: PlaneBuffer, _ copy: inout SoftwarePicture?, _ damage: Damage?
  ) throws(GraphicsError) -> Bool {
    if let copy, copy.fits(buffer) {
      try copy.update(buffer, damage)
      return true
    }
    let picture = try SoftwarePicture(for: buffer)
    copy = picture
    try picture.update(buffer, nil)
    return false
  }

  /// Lays a picture over the guest's picture, or removes it.
  func show(_ overlay: Overlay?) {
    lock.withLock { _ in self.overlay = overlay.flatMap(SoftwareOverlay.init) }
  }

  /// Removes the picture, and frees its memory.
  func clear() {
    lock.withLock { _ in
      placement = nil
      picture = nil
      pointer = nil
    }
  }

  /// Draws the copied picture.
  ///
  /// - Parameter space: the device pixels that the picture is placed in.
  func paint(_ context: CairoContext, in space: PixelSpace) {
    lock.withLock { _ in
      guard let placement, let picture else { return }
      cairo_save(context)
      // From GTK's units to device pixels, because placements are in device pixels.
      cairo_translate(context, Double(space.origin.x), Double(space.origin.y))
      cairo_scale(context, 1 / space.scale.factor, 1 / space.scale.factor)
      let visible = placement.visible
      cairo_rectangle(
        context, Double(visible.x), Double(visible.y), Double(visible.width),
        Double(visible.height))
      cairo_clip(context)
      let filter = placement.filter == .nearest ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_BILINEAR
      picture.paint(context, placement.picture, filter)
      if let pointer, let pointerArea { pointer.paint(context, pointerArea, filter) }
      cairo_reset_clip(context)
      overlay?.paint(context)
      cairo_restore(context)
    }
  }
}

/// A copy of a plane's pixels that cairo can draw, refreshed from the mapped buffer.
final class SoftwarePicture {
  private let image: CairoImage
  /// The format of the pictures that can be copied; `nil` for a picture that a GPU has read.
  private let format: FourCC?
  private let size: PixelSize
  /// Whether the last update failed, so that nothing of the copy is sure.
  private var isTorn = false

  /// Makes room for pictures like this buffer's.
  ///
  /// - Throws: `GraphicsError.Kind.cannotShow` for a format that the CPU cannot turn into RGB.
  init(for buffer: PlaneBuffer) throws(GraphicsError) {
    let format = buffer.layout.format
    guard format.model == .rgb, buffer.lines != nil else {
      throw GraphicsError(
        .cannotShow, "\(buffer.layout)", "without EGL only RGB that lies line after line is shown",
        remedy: "install the GPU's EGL driver")
    }
    guard
      let image = CairoImage(
        format.hasAlpha ? CAIRO_FORMAT_ARGB32 : CAIRO_FORMAT_RGB24, buffer.size.width,
        buffer.size.height)
    else { throw GraphicsError(.cannotShow, "\(buffer.layout)", "cairo has no memory for it") }
    self.image = image
    self.format = format.fourCC
    size = buffer.size
  }

  /// Takes a picture that a GPU has read; `nil` when cairo has no memory for it.
  init?(_ pixels: PixelImage) {
    guard let image = CairoImage(CAIRO_FORMAT_RGB24, pixels.width, pixels.height) else {
      return nil
    }
    self.image = image
    format = nil
    size = PixelSize(width: pixels.width, height: pixels.height)
    pixels.rgba.withUnsafeBytes { bytes in
      for y in 0..<pixels.height {
        let line = (image.data + y * image.stride).assumingMemoryBound(to: UInt32.self)
        for x in 0..<pixels.width {
          let start = (y * pixels.width + x) * 4
          line[x] =
            UInt32(bytes[start]) << 16 | UInt32(bytes[start + 1]) << 8 | UInt32(bytes[start + 2])
        }
      }
    }
    cairo_surface_mark_dirty(surface)
  }

  private var surface: OpaquePointer { image.surface }

  /// Draws it into an area.
  func paint(_ context: CairoContext, _ area: PixelRectangle, _ filter: cairo_filter_t) {
    cairo_save(context)
    cairo_translate(context, Double(area.x), Double(area.y))
    cairo_scale(
      context, Double(area.width) / Double(size.width), Double(area.height) / Double(size.height))
    cairo_set_source_surface(context, surface, 0, 0)
    let pattern = cairo_get_source(context)
    cairo_pattern_set_filter(pattern, filter)
    cairo_pattern_set_extend(pattern, CAIRO_EXTEND_PAD)
    cairo_rectangle(context, 0, 0, Double(size.width), Double(size.height))
    cairo_fill(context)
    cairo_restore(context)
  }

  /// Whether all pixels are another picture's.
  func hasPixels(of other: SoftwarePicture) -> Bool {
    guard format == other.format, size == other.size, image.stride == other.image.stride else {
      return false
    }
    return memcmp(image.data, other.image.data, image.stride * size.height) == 0
  }

  /// Whether a picture of this size and format can be copied into this copy.
  func fits(_ buffer: PlaneBuffer) -> Bool {
    format == buffer.layout.format.fourCC && size == buffer.size && buffer.lines != nil
  }

  /// Copies the buffer's pixels as they are now.
  ///
  /// - Parameter damage: the pixels that may differ from the copy's; `nil` for all.
  func update(_ buffer: PlaneBuffer, _ damage: Damage?) throws(GraphicsError) {
    guard let format, let lines = buffer.lines else { return }
    let whole = size.whole
    let damage = isTorn ? nil : damage
    do {
      try buffer.withPixels { (bytes) throws(SystemCallError) in
        cairo_surface_flush(surface)
        for index in 0..<(damage?.count ?? 1) {
          copy(bytes, lines, format, damage?[index].intersection(whole) ?? whole)
        }
      }
      isTorn = false
    } catch {
      isTorn = true
      throw GraphicsError(.cannotShow, "\(buffer.layout)", "the CPU cannot read it: \(error)")
    }
    cairo_surface_mark_dirty(surface)
  }

  private func copy(
    _ bytes: UnsafeRawBufferPointer, _ lines: PictureLines, _ format: FourCC, _ area: PixelRectangle
  ) {
    guard lines.bytes.upperBound <= bytes.count, let source = bytes.baseAddress else { return }
    for y in area.y..<area.y + area.height {
      copyLine(
        source + lines.start(of: y) + area.x * lines.bytesPerPixel, format, area.width,
        to: image.data + y * image.stride + area.x * 4)
    }
  }

  /// One line into cairo's format: a 32-bit word with blue lowest, colours multiplied by alpha.
  private func copyLine(
    _ source: UnsafeRawPointer, _ format: FourCC, _ width: Int, to line: UnsafeMutableRawPointer
  ) {
    let pixels = line.assumingMemoryBound(to: UInt32.self)
    func word(_ x: Int) -> UInt32 {
      UInt32(littleEndian: source.loadUnaligned(fromByteOffset: x * 4, as: UInt32.self))
    }
    switch format {
    case .xrgb8888, .argb8888:
      line.copyMemory(from: source, byteCount: width * 4)
    case .xbgr8888, .abgr8888:
      for x in 0..<width {
        let word = word(x)
        pixels[x] = word & 0xFF00_FF00 | (word & 0xFF) << 16 | (word >> 16) & 0xFF
      }
    case .rgb888:
      for x in 0..<width {
        let bytes = (source + x * 3).assumingMemoryBound(to: UInt8.self)
        pixels[x] = UInt32(bytes[0]) | UInt32(bytes[1]) << 8 | UInt32(bytes[2]) << 16
      }
    case .rgb565:
      for x in 0..<width {
        let word = UInt32(
          UInt16(littleEndian: source.loadUnaligned(fromByteOffset: x * 2, as: UInt16.self)))
        let red = (word >> 11) * 255 / 31
        let green = (word >> 5 & 63) * 255 / 63
        pixels[x] = red << 16 | green << 8 | (word & 31) * 255 / 31
      }
    case .xrgb2101010:
      for x in 0..<width {
        let word = word(x)
        pixels[x] = (word >> 22 & 255) << 16 | (word >> 12 & 255) << 8 | (word >> 2 & 255)
      }
    case .xbgr2101010:
      for x in 0..<width {
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
