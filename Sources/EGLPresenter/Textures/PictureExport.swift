// SPDX-License-Identifier: Apache-2.0

import CEGL
import LinuxSystem

extension RenderContext {
  /// Whether the driver shares its own pictures as dma-bufs (EGL_MESA_image_dma_buf_export), as a QEMU
  /// with OpenGL (`gl=on`) needs. It is tried, because Mesa's software renderer has the extension
  /// without always being able to.
  ///
  /// - Throws: `GraphicsError` when the context cannot be used.
  public func sharesPictures() throws(GraphicsError) -> Bool {
    try makeCurrent()
    guard vgpu_has_egl_extension(display, "EGL_MESA_image_dma_buf_export"),
      vgpu_has_egl_extension(display, "EGL_KHR_gl_texture_2D_image")
    else { return false }
    let texture = Texture(target: GL_TEXTURE_2D, isSwapped: false)
    let side: GLsizei = 64
    vgpu_glTexImage2D(
      texture.target, 0, GL_RGBA, side, side, 0, GLenum(GL_RGBA), GLenum(GL_UNSIGNED_BYTE), nil)
    let name = UnsafeMutableRawPointer(bitPattern: UInt(texture.name))
    // A texture without all its levels makes no image.
    texture.bind(.nearest)
    guard
      let image = vgpu_eglCreateImageKHR(
        display, vgpu_eglGetCurrentContext(), GLenum(EGL_GL_TEXTURE_2D_KHR), name, [EGL_NONE])
    else { return false }
    defer { _ = vgpu_eglDestroyImageKHR(display, image) }
    // As many as a picture can have planes.
    var descriptors = [Int32](repeating: -1, count: 4)
    var strides = [EGLint](repeating: 0, count: 4)
    var offsets = strides
    let isExported = vgpu_eglExportDMABUFImageMESA(
      display, image, &descriptors, &strides, &offsets)
    let owned = descriptors.filter { $0 >= 0 }
    for descriptor in Set(owned) { _ = OwnedFileDescriptor(owning: descriptor) }
    return isExported == EGL_TRUE && !owned.isEmpty
  }
}
