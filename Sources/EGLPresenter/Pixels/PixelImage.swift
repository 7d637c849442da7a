// SPDX-License-Identifier: Apache-2.0

import CEGL
public import VGPUDisplay

/// A picture in this process's own memory.
public struct PixelImage: Hashable, Sendable {
  /// Width in pixels.
  public let width: Int
  /// Height in pixels.
  public let height: Int
  /// Red, green, blue and alpha of each pixel, a byte each, line after line from the top without
  /// gaps. Alpha is 255 everywhere in a guest's picture.
  public let rgba: [UInt8]

  /// Makes an image from its parts.
  ///
  /// - Returns: `nil` when the number of bytes does not match the size.
  public init?(width: Int, height: Int, rgba: [UInt8]) {
    guard width > 0, height > 0, rgba.count == width * height * 4 else { return nil }
    self.width = width
    self.height = height
    self.rgba = rgba
  }
}

extension Picture {
  /// A picture that the GPU has drawn, without its alpha.
  public init?(_ image: PixelImage) {
    var rgb: [UInt8] = []
    rgb.reserveCapacity(image.width * image.height * 3)
    for offset in stride(from: 0, to: image.rgba.count, by: 4) {
      rgb += image.rgba[offset..<offset + 3]
    }
    self.init(width: image.width, height: image.height, rgb: rgb)
  }
}

/// A framebuffer in memory that can be read (a renderbuffer of 32 bits per pixel). The context is
/// current whenever this is made, used or released.
final class PixelReadback {
  let size: PixelSize
  private let framebuffer: GLuint
  private let renderbuffer: GLuint

  init(_ size: PixelSize, _ context: RenderContext) throws(GraphicsError) {
    guard vgpu_gl_version() >= 30 || vgpu_has_gl_extension("GL_OES_rgb8_rgba8") else {
      throw GraphicsError(
        .unavailable, context.name, "no framebuffers of 32 bits per pixel (GL_OES_rgb8_rgba8)")
    }
    var framebuffer: GLuint = 0
    var renderbuffer: GLuint = 0
    vgpu_glGenFramebuffers(1, &framebuffer)
    vgpu_glGenRenderbuffers(1, &renderbuffer)
    self.framebuffer = framebuffer
    self.renderbuffer = renderbuffer
    self.size = size
    vgpu_glBindRenderbuffer(GLenum(GL_RENDERBUFFER), renderbuffer)
    vgpu_glRenderbufferStorage(
      GLenum(GL_RENDERBUFFER), GLenum(GL_RGBA8), GLsizei(size.width), GLsizei(size.height))
    bind()
    vgpu_glFramebufferRenderbuffer(
      GLenum(GL_FRAMEBUFFER), GLenum(GL_COLOR_ATTACHMENT0), GLenum(GL_RENDERBUFFER), renderbuffer)
    let status = vgpu_glCheckFramebufferStatus(GLenum(GL_FRAMEBUFFER))
    guard status == GLenum(GL_FRAMEBUFFER_COMPLETE) else {
      throw GraphicsError(
        .failed, context.name,
        "a framebuffer of \(size.width)x\(size.height): status 0x\(String(status, radix: 16))")
    }
  }

  deinit {
    vgpu_glBindFramebuffer(GLenum(GL_FRAMEBUFFER), 0)
    withUnsafePointer(to: framebuffer) { vgpu_glDeleteFramebuffers(1, $0) }
    withUnsafePointer(to: renderbuffer) { vgpu_glDeleteRenderbuffers(1, $0) }
  }

  func bind() { vgpu_glBindFramebuffer(GLenum(GL_FRAMEBUFFER), framebuffer) }

  /// glReadPixels of the whole framebuffer, the first line in memory first.
  func read() -> [UInt8] {
    let count = size.width * size.height * 4
    return [UInt8](unsafeUninitializedCapacity: count) { bytes, initialized in
      vgpu_glReadPixels(
        0, 0, GLsizei(size.width), GLsizei(size.height), GLenum(GL_RGBA),
        GLenum(GL_UNSIGNED_BYTE), bytes.baseAddress)
      initialized = count
    }
  }
}
