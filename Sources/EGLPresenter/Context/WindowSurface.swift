// SPDX-License-Identifier: Apache-2.0

import CEGL
public import VGPUDisplay

/// A native window as a render context draws on it (`EGLSurface`).
///
/// It must be released before its window. It keeps the context alive, and the window where it was given
/// the window's owner.
public final class WindowSurface {
  /// What draws on it.
  public let context: RenderContext
  /// The size in device pixels. Whoever resizes the window sets it.
  public var size: PixelSize

  let surface: EGLSurface
  /// Released after the surface is destroyed.
  private let owner: AnyObject?

  /// eglCreatePlatformWindowSurface.
  ///
  /// - Parameters:
  ///   - context: what will draw on it.
  ///   - window: a `struct wl_egl_window *` on Wayland, a pointer to a `Window` on X11, whichever
  ///     the context was made for.
  ///   - owner: the window's, kept until the surface is destroyed.
  ///   - size: the window's, in device pixels.
  ///   - swapInterval: eglSwapInterval: with 0 swapping never waits for the display, and may tear
  ///     where no compositor puts the picture together; with 1 each picture waits for a refresh.
  /// - Throws: `GraphicsError` when EGL refuses.
  public init(
    _ context: RenderContext, window: UnsafeMutableRawPointer, keeping owner: AnyObject? = nil,
    size: PixelSize, swapInterval: Int32 = 0
  ) throws(GraphicsError) {
    guard
      let surface = vgpu_eglCreatePlatformWindowSurfaceEXT(
        context.display, context.config, window, nil)
    else {
      throw GraphicsError(
        .unavailable, context.name, "eglCreatePlatformWindowSurface: \(ErrorNames.lastEGL())")
    }
    self.context = context
    self.owner = owner
    self.surface = surface
    self.size = size
    try context.makeCurrent(surface)
    _ = vgpu_eglSwapInterval(context.display, swapInterval)
  }

  deinit {
    // A current surface would live on until another one is, and its window with it.
    if vgpu_eglGetCurrentSurface(EGL_DRAW) == surface {
      _ = vgpu_eglMakeCurrent(context.display, nil, nil, nil)
    }
    _ = vgpu_eglDestroySurface(context.display, surface)
  }

  /// Shows what was drawn (eglSwapBuffers). On Wayland this commits the window's surface.
  ///
  /// - Throws: `GraphicsError.Kind.lost` when the context or the window is gone.
  public func swap() throws(GraphicsError) {
    try context.makeCurrent(surface)
    guard vgpu_eglSwapBuffers(context.display, surface) == EGL_TRUE else {
      throw context.error(afterEGL: "eglSwapBuffers")
    }
  }
}
