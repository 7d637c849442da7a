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
  /// The pixels of the next drawing that may differ from the shown one; `nil` for all. Swapping takes it.
  var changed: Damage?
  private let tellsAge: Bool
  private let tellsDamage: TellsDamage
  /// Room for `changed` in EGL's form.
  private var rectangles = [EGLint](repeating: 0, count: Damage.capacity * 4)
  /// The window's owner; released after the surface is destroyed.
  private let owner: AnyObject?

  /// Whether a swap can tell what has changed, and by which extension.
  private enum TellsDamage { case no, byKHR, byEXT }

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
    let display = context.display
    tellsAge = vgpu_has_egl_extension(display, "EGL_EXT_buffer_age")
    tellsDamage =
      if vgpu_has_egl_extension(display, "EGL_KHR_swap_buffers_with_damage") {
        .byKHR
      } else if vgpu_has_egl_extension(display, "EGL_EXT_swap_buffers_with_damage") {
        .byEXT
      } else {
        .no
      }
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

  /// How many frames ago the buffer for the next drawing was shown; 0 when its pixels are not known. The
  /// surface is current.
  var age: Int {
    var age: EGLint = 0
    guard tellsAge,
      vgpu_eglQuerySurface(context.display, surface, EGL_BUFFER_AGE_EXT, &age) == EGL_TRUE
    else { return 0 }
    return Int(age)
  }

  /// Shows the drawing (eglSwapBuffers, or eglSwapBuffersWithDamage when it changes only a part). On Wayland this commits the window's surface.
  ///
  /// - Throws: `GraphicsError.Kind.lost` when the context or the window is gone.
  public func swap() throws(GraphicsError) {
    try context.makeCurrent(surface)
    let changed = changed
    self.changed = nil
    let isSwapped =
      if let changed, tellsDamage != .no {
        swap(prepare(changed))
      } else {
        vgpu_eglSwapBuffers(context.display, surface)
      }
    guard isSwapped == EGL_TRUE else { throw context.error(afterEGL: "eglSwapBuffers") }
  }

  private func swap(_ count: EGLint) -> EGLBoolean {
    vgpu_eglSwapBuffersWithDamage(
      context.display, surface, tellsDamage == .byKHR, rectangles, count)
  }

  /// Puts a damage into EGL's form, which counts lines from below.
  ///
  /// - Returns: the number of rectangles.
  private func prepare(_ changed: Damage) -> EGLint {
    // No rectangle would mean all of the window.
    let count = max(1, changed.count)
    for index in 0..<count {
      let area =
        changed.isEmpty ? PixelRectangle(x: 0, y: 0, width: 1, height: 1) : changed[index]
      rectangles[4 * index] = EGLint(clamping: area.x)
      rectangles[4 * index + 1] = EGLint(clamping: size.height - area.y - area.height)
      rectangles[4 * index + 2] = EGLint(clamping: area.width)
      rectangles[4 * index + 3] = EGLint(clamping: area.height)
    }
    return EGLint(count)
  }
}
