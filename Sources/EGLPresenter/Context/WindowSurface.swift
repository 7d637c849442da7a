// SPDX-License-Identifier: Apache-2.0

import CEGL
public import VGPUDisplay

/// A render context's surface on a native window (`EGLSurface`).
///
/// Release it before its window. It keeps the context alive; it keeps the window alive when it was
/// given the window's owner.
public final class WindowSurface {
  /// The context that draws on it.
  public let context: RenderContext
  /// The size in device pixels. Set it when you resize the window.
  public var size: PixelSize

  let surface: EGLSurface
  /// The window's owner; released after the surface is destroyed.
  private let owner: AnyObject?

  /// eglCreatePlatformWindowSurface.
  ///
  /// - Parameters:
  ///   - context: the context that will draw on it.
  ///   - window: a `struct wl_egl_window *` on Wayland, a pointer to a `Window` on X11, depending
  ///     on the context's platform.
  ///   - owner: the window's owner, kept until the surface is destroyed.
  ///   - size: the window's size, in device pixels.
  ///   - swapInterval: eglSwapInterval: with 0 swapping never waits for the display, and the
  ///     picture may tear when no compositor composes it; with 1 each picture waits for a refresh.
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
    // Make no surface current first: a current surface, and its window, would live on until another
    // one becomes current.
    if vgpu_eglGetCurrentSurface(EGL_DRAW) == surface {
      _ = vgpu_eglMakeCurrent(context.display, nil, nil, nil)
    }
    _ = vgpu_eglDestroySurface(context.display, surface)
  }

  /// Shows the drawing (eglSwapBuffers). On Wayland this commits the window's surface.
  ///
  /// - Throws: `GraphicsError.Kind.lost` when the context or the window is gone.
  public func swap() throws(GraphicsError) {
    try context.makeCurrent(surface)
    guard vgpu_eglSwapBuffers(context.display, surface) == EGL_TRUE else {
      throw context.error(afterEGL: "eglSwapBuffers")
    }
  }
}
