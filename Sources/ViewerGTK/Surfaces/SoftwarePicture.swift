// SPDX-License-Identifier: Apache-2.0

import CGTK3
import DMABuf
import EGLPresenter
import LinuxSystem
import VGPUDisplay

/// A copy of a plane's pixels that cairo can draw, refreshed from the mapped buffer.
final class SoftwarePicture {
  let surface: OpaquePointer
  private let layout: ImageLayout

  /// Makes room for pictures like this buffer's.
  ///
  /// - Throws: `GraphicsError.Kind.cannotShow` for what the CPU cannot turn into RGB.
  init(for buffer: PlaneBuffer) throws(GraphicsError) {
    layout = buffer.layout
    guard layout.format.model == .rgb, layout.modifier == .linear, layout.linearEnd != nil,
      let surface = cairo_image_surface_create(
        layout.format.hasAlpha ? CAIRO_FORMAT_ARGB32 : CAIRO_FORMAT_RGB24, Int32(layout.width),
        Int32(layout.height))
    else {
      throw GraphicsError(
        .cannotShow, "\(buffer.layout)", "without EGL only RGB that lies line after line is shown",
        remedy: "install the GPU's EGL driver")
    }
    guard cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS else {
      cairo_surface_destroy(surface)
      throw GraphicsError(.cannotShow, "\(buffer.layout)", "cairo has no memory for it")
    }
    self.surface = surface
  }

  deinit {
    cairo_surface_destroy(surface)
  }

  /// Whether a picture of this size, format and stride can be copied into this one.
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
      let plane = layout.planes.first, let target = cairo_image_surface_get_data(surface)
    else { return }
    let stride = Int(cairo_image_surface_get_stride(surface))
    for y in 0..<layout.height {
      let line = UnsafeMutableRawPointer(target) + y * stride
      copyLine(source + plane.offset + y * plane.stride, to: line)
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
