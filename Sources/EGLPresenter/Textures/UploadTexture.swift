// SPDX-License-Identifier: Apache-2.0

import CEGL
import DMABuf
import LinuxSystem
import VGPUDisplay

/// A texture into which the CPU copies pictures of one size and format. A picture lies there as in its
/// buffer: one that is upside down stays so, because GL takes all lines at once only in that order. The
/// context is current whenever it is used.
final class UploadTexture {
  let texture: Texture
  private let size: PixelSize
  private let format: FourCC
  private let transfer: PixelTransfer
  private let hasRowLength: Bool

  /// Makes a texture for pictures like this buffer's (glTexImage2D).
  ///
  /// - Throws: `GraphicsError.Kind.cannotShow` for YUV, a palette, a tiled layout, or a picture
  ///   that is too large.
  init(for buffer: PlaneBuffer, _ context: RenderContext) throws(GraphicsError) {
    let layout = buffer.layout
    if let reason = Self.obstacle(buffer, context) {
      throw GraphicsError(
        .cannotShow, "\(buffer.name) on \(context.name)", "not copied: \(reason)",
        remedy: "let the guest use a mode with 32 bits per pixel, or a GPU that imports this")
    }
    let isES3 = vgpu_gl_version() >= 30
    guard let transfer = PixelTransfer(layout.format, isES3: isES3) else {
      throw GraphicsError(
        .cannotShow, "\(buffer.name) on \(context.name)",
        "not copied: OpenGL ES 2 has no such format")
    }
    hasRowLength = isES3 || vgpu_has_gl_extension("GL_EXT_unpack_subimage")
    size = buffer.size
    format = layout.format.fourCC
    self.transfer = transfer
    texture = Texture(target: GL_TEXTURE_2D, isSwapped: transfer.isSwapped)
    vgpu_glTexImage2D(
      GLenum(GL_TEXTURE_2D), 0, GLint(transfer.internalFormat), GLsizei(size.width),
      GLsizei(size.height), 0, transfer.format, transfer.type, nil)
    try context.checkGL("glTexImage2D")
  }

  private static func obstacle(_ buffer: PlaneBuffer, _ context: RenderContext) -> String? {
    let layout = buffer.layout
    switch layout.format.model {
    case .rgb: break
    case .yuv: return "YUV is shown only where it can be imported"
    case .indexed: return "a palette is needed, and VFIO hands out none"
    }
    let limit = context.capabilities.largestSide
    guard buffer.size.width <= limit, buffer.size.height <= limit else {
      return "the renderer's textures end at \(limit) pixels"
    }
    return buffer.lines == nil
      ? "the picture does not lie line after line (\(layout.modifier))" : nil
  }

  /// Whether a picture of this size and format can be copied into this texture.
  func fits(_ buffer: PlaneBuffer) -> Bool {
    size == buffer.size && format == buffer.layout.format.fourCC && buffer.lines != nil
  }

  /// Copies the buffer's pixels as they are now (glTexSubImage2D).
  ///
  /// - Parameter damage: the pixels that may differ from the texture's; `nil` for all.
  /// - Throws: `GraphicsError.Kind.cannotShow` when the buffer cannot be read.
  func upload(
    _ buffer: PlaneBuffer, _ damage: Damage?, _ context: RenderContext
  ) throws(GraphicsError) {
    guard let lines = buffer.lines else { return }
    let whole = size.whole
    do {
      try buffer.withPixels { (bytes) throws(SystemCallError) in
        vgpu_glBindTexture(texture.target, texture.name)
        for index in 0..<(damage?.count ?? 1) {
          copy(bytes, lines, damage?[index].intersection(whole) ?? whole)
        }
      }
    } catch {
      throw GraphicsError(
        .cannotShow, "\(buffer.name) on \(context.name)", "the CPU cannot read it: \(error)")
    }
  }

  /// - Parameter area: the pixels to copy, in the picture as it is seen.
  private func copy(
    _ bytes: UnsafeRawBufferPointer, _ lines: PictureLines, _ area: PixelRectangle
  ) {
    // The buffer's maker has compared these numbers too, but a mistake here would read memory
    // outside of the buffer.
    guard lines.bytes.upperBound <= bytes.count, lines.bytes.lowerBound >= 0,
      area.width > 0, area.height > 0, let start = bytes.baseAddress
    else { return }
    let stride = abs(lines.step)
    // The texture has the lines in the memory's order.
    let y = lines.step < 0 ? size.height - area.y - area.height : area.y
    let first =
      start + lines.bytes.lowerBound + y * stride + area.x * transfer.bytesPerPixel
    if let unpack = UnpackLayout(
      width: area.width, stride: stride, bytesPerPixel: transfer.bytesPerPixel,
      hasRowLength: hasRowLength)
    {
      vgpu_glPixelStorei(GLenum(GL_UNPACK_ALIGNMENT), GLint(unpack.alignment))
      setRowLength(unpack.rowLength)
      copy(PixelRectangle(x: area.x, y: y, width: area.width, height: area.height), from: first)
    } else {
      vgpu_glPixelStorei(GLenum(GL_UNPACK_ALIGNMENT), 1)
      setRowLength(0)
      for line in 0..<area.height {
        copy(
          PixelRectangle(x: area.x, y: y + line, width: area.width, height: 1),
          from: first + line * stride)
      }
    }
  }

  private func setRowLength(_ pixels: Int) {
    guard hasRowLength else { return }
    vgpu_glPixelStorei(GLenum(GL_UNPACK_ROW_LENGTH), GLint(pixels))
  }

  /// - Parameter area: in the texture's pixels.
  private func copy(_ area: PixelRectangle, from pixels: UnsafeRawPointer) {
    vgpu_glTexSubImage2D(
      texture.target, 0, GLint(area.x), GLint(area.y), GLsizei(area.width), GLsizei(area.height),
      transfer.format, transfer.type, pixels)
  }
}

extension TexturePart {
  /// A copied picture: all of its texture.
  init(copied buffer: PlaneBuffer) {
    self.init(whole: buffer.size, isUpsideDown: buffer.isUpsideDown)
  }
}

/// A pixel format in GL's terms (the `format` and `type` of glTexSubImage2D).
///
/// GL takes every format as red first, and the shader exchanges the colours of formats with blue in
/// the lowest bits: that needs no extension. All formats are little-endian words or bytes, as DRM
/// defines them.
struct PixelTransfer: Equatable {
  let internalFormat: GLenum
  let format: GLenum
  let type: GLenum
  let bytesPerPixel: Int
  /// GL reads blue as red and red as blue.
  let isSwapped: Bool

  /// `nil` for a format that is no plain RGB, or that OpenGL ES 2 cannot take.
  init?(_ format: PixelFormat, isES3: Bool) {
    switch format.fourCC {
    case .xrgb8888, .argb8888:
      self.init(GL_RGBA, isES3 ? GL_RGBA8 : GL_RGBA, GL_UNSIGNED_BYTE, 4, isSwapped: true)
    case .xbgr8888, .abgr8888:
      self.init(GL_RGBA, isES3 ? GL_RGBA8 : GL_RGBA, GL_UNSIGNED_BYTE, 4, isSwapped: false)
    case .rgb888:
      self.init(GL_RGB, isES3 ? GL_RGB8 : GL_RGB, GL_UNSIGNED_BYTE, 3, isSwapped: true)
    case .rgb565:
      self.init(GL_RGB, isES3 ? GL_RGB565 : GL_RGB, GL_UNSIGNED_SHORT_5_6_5, 2, isSwapped: false)
    case .xrgb2101010 where isES3:
      self.init(GL_RGBA, GL_RGB10_A2, GL_UNSIGNED_INT_2_10_10_10_REV, 4, isSwapped: true)
    case .xbgr2101010 where isES3:
      self.init(GL_RGBA, GL_RGB10_A2, GL_UNSIGNED_INT_2_10_10_10_REV, 4, isSwapped: false)
    default:
      return nil
    }
  }

  private init(
    _ format: Int32, _ internalFormat: Int32, _ type: Int32, _ bytesPerPixel: Int, isSwapped: Bool
  ) {
    self.format = GLenum(format)
    self.internalFormat = GLenum(internalFormat)
    self.type = GLenum(type)
    self.bytesPerPixel = bytesPerPixel
    self.isSwapped = isSwapped
  }
}

/// The distance between lines in GL's terms. GL_UNPACK_ROW_LENGTH is in pixels, and GL rounds its
/// bytes up to a multiple of GL_UNPACK_ALIGNMENT, so some strides cannot be expressed.
struct UnpackLayout: Equatable {
  /// Pixels; zero for the picture's own width.
  let rowLength: Int
  let alignment: Int

  /// `nil` when lines must be handed over one by one.
  ///
  /// - Parameters:
  ///   - width: pixels.
  ///   - stride: bytes; at least a line's.
  ///   - hasRowLength: GL_UNPACK_ROW_LENGTH exists: OpenGL ES 3, or GL_EXT_unpack_subimage.
  init?(width: Int, stride: Int, bytesPerPixel: Int, hasRowLength: Bool) {
    // Renderers count a line's bytes in 32 bits, so an extremely long line is handed over alone.
    guard stride <= Int(Int32.max) else { return nil }
    let length = hasRowLength ? stride / bytesPerPixel : width
    // Not an array, because that would be allocated for every frame.
    var alignment = 1
    while alignment <= 8 {
      defer { alignment *= 2 }
      let line = (length * bytesPerPixel + alignment - 1) / alignment * alignment
      if line == stride {
        rowLength = length == width ? 0 : length
        self.alignment = alignment
        return
      }
    }
    return nil
  }
}
