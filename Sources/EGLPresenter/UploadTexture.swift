// SPDX-License-Identifier: Apache-2.0

import CEGL
import DMABuf
import LinuxSystem
import VGPUDisplay

/// A texture that pictures of one size and format are copied into by the CPU. The context is
/// current whenever it is used.
final class UploadTexture {
  let texture: Texture
  private let layout: ImageLayout
  private let transfer: PixelTransfer
  private let unpack: UnpackLayout?
  private let plane: ImageLayout.Plane
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
    guard let transfer = PixelTransfer(layout.format, isES3: isES3), let plane = layout.planes.first
    else {
      throw GraphicsError(
        .cannotShow, "\(buffer.name) on \(context.name)",
        "not copied: OpenGL ES 2 has no such format")
    }
    hasRowLength = isES3 || vgpu_has_gl_extension("GL_EXT_unpack_subimage")
    self.layout = layout
    self.transfer = transfer
    self.plane = plane
    unpack = UnpackLayout(
      width: layout.width, stride: plane.stride, bytesPerPixel: transfer.bytesPerPixel,
      hasRowLength: hasRowLength)
    texture = Texture(target: GL_TEXTURE_2D, isSwapped: transfer.isSwapped)
    vgpu_glTexImage2D(
      GLenum(GL_TEXTURE_2D), 0, GLint(transfer.internalFormat), GLsizei(layout.width),
      GLsizei(layout.height), 0, transfer.format, transfer.type, nil)
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
    guard layout.width <= limit, layout.height <= limit else {
      return "the renderer's textures end at \(limit) pixels"
    }
    switch (layout.modifier, buffer.storage) {
    case (.linear, _), (.invalid, .region): return nil
    default: return "the picture does not lie line after line (\(layout.modifier))"
    }
  }

  /// Whether a picture of this size, format and stride can be copied into this texture.
  func fits(_ buffer: PlaneBuffer) -> Bool { layout == buffer.layout }

  /// Copies the buffer's pixels as they are now (glTexSubImage2D).
  ///
  /// - Throws: `GraphicsError.Kind.cannotShow` when the buffer cannot be read.
  func upload(_ buffer: PlaneBuffer, _ context: RenderContext) throws(GraphicsError) {
    do {
      try buffer.withPixels { (bytes) throws(SystemCallError) in copy(bytes) }
    } catch {
      throw GraphicsError(
        .cannotShow, "\(buffer.name) on \(context.name)", "the CPU cannot read it: \(error)")
    }
  }

  private func copy(_ bytes: UnsafeRawBufferPointer) {
    // Whoever made the buffer has compared these; a wrong answer here would read others' memory.
    guard let end = layout.linearEnd, end <= bytes.count, let start = bytes.baseAddress else {
      return
    }
    let first = start + plane.offset
    vgpu_glBindTexture(texture.target, texture.name)
    if let unpack {
      vgpu_glPixelStorei(GLenum(GL_UNPACK_ALIGNMENT), GLint(unpack.alignment))
      setRowLength(unpack.rowLength)
      copyLines(0, layout.height, from: first)
    } else {
      vgpu_glPixelStorei(GLenum(GL_UNPACK_ALIGNMENT), 1)
      setRowLength(0)
      for line in 0..<layout.height {
        copyLines(line, 1, from: first + line * plane.stride)
      }
    }
  }

  private func setRowLength(_ pixels: Int) {
    guard hasRowLength else { return }
    vgpu_glPixelStorei(GLenum(GL_UNPACK_ROW_LENGTH), GLint(pixels))
  }

  private func copyLines(_ line: Int, _ count: Int, from pixels: UnsafeRawPointer) {
    vgpu_glTexSubImage2D(
      texture.target, 0, 0, GLint(line), GLsizei(layout.width), GLsizei(count), transfer.format,
      transfer.type, pixels)
  }
}
