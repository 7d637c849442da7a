// SPDX-License-Identifier: Apache-2.0

import CEGL
import DMABuf
public import VGPUDisplay

/// A small picture that is laid over the guest's picture, in the window's own pixels: it is not
/// scaled.
public struct Overlay: Hashable, Sendable {
  /// Its place, in device pixels from the window's upper left corner.
  public let area: PixelRectangle
  /// Its pixels, line after line from the top, without gaps: alpha in the highest byte, then red,
  /// green and blue, multiplied by alpha. That is cairo's ARGB32 and DRM's ARGB8888.
  public let pixels: [UInt32]

  /// Makes an overlay from its parts.
  ///
  /// - Returns: `nil` when the number of pixels is zero or differs from the area's.
  public init?(area: PixelRectangle, pixels: [UInt32]) {
    let (count, isTooLarge) = area.width.multipliedReportingOverflow(by: area.height)
    guard area.width > 0, area.height > 0, !isTooLarge, pixels.count == count else { return nil }
    self.area = area
    self.pixels = pixels
  }
}

/// An overlay's pixels on the GPU. The context is current whenever this is made, used or released.
final class OverlayTexture {
  let texture: Texture
  private let size: PixelSize
  private let transfer: PixelTransfer

  /// Makes room for overlays of this size.
  ///
  /// - Throws: `GraphicsError.Kind.cannotShow` for an overlay that is too large.
  init(for overlay: Overlay, _ context: RenderContext) throws(GraphicsError) {
    let limit = context.capabilities.largestSide
    guard let format = PixelFormat(.argb8888),
      let transfer = PixelTransfer(format, isES3: vgpu_gl_version() >= 30),
      overlay.area.width <= limit, overlay.area.height <= limit
    else {
      throw GraphicsError(
        .cannotShow, "an overlay of \(overlay.area.width)x\(overlay.area.height)",
        "the renderer's textures end at \(limit) pixels")
    }
    self.transfer = transfer
    size = PixelSize(width: overlay.area.width, height: overlay.area.height)
    texture = Texture(target: GL_TEXTURE_2D, isSwapped: transfer.isSwapped)
    vgpu_glTexImage2D(
      GLenum(GL_TEXTURE_2D), 0, GLint(transfer.internalFormat), GLsizei(size.width),
      GLsizei(size.height), 0, transfer.format, transfer.type, nil)
    try context.checkGL("glTexImage2D of an overlay")
  }

  /// Whether an overlay has the size of this texture.
  func fits(_ overlay: Overlay) -> Bool {
    size.width == overlay.area.width && size.height == overlay.area.height
  }

  /// Copies the pixels (glTexSubImage2D).
  func upload(_ overlay: Overlay) {
    vgpu_glBindTexture(texture.target, texture.name)
    vgpu_glPixelStorei(GLenum(GL_UNPACK_ALIGNMENT), 4)
    if vgpu_gl_version() >= 30 || vgpu_has_gl_extension("GL_EXT_unpack_subimage") {
      vgpu_glPixelStorei(GLenum(GL_UNPACK_ROW_LENGTH), 0)
    }
    overlay.pixels.withUnsafeBytes {
      vgpu_glTexSubImage2D(
        texture.target, 0, 0, 0, GLsizei(size.width), GLsizei(size.height), transfer.format,
        transfer.type, $0.baseAddress)
    }
  }
}
