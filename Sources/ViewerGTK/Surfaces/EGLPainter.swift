// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import VGPUDisplay

/// The EGL side of a surface: a context, a renderer and a window. Released in the reverse order of
/// its parts.
final class EGLPainter {
  let renderer: FrameRenderer
  let window: WindowSurface

  init(
    _ platform: EGLPlatform, window: UnsafeMutableRawPointer, size: PixelSize,
    alwaysUploads: Bool, swapInterval: Int32
  ) throws(GraphicsError) {
    let context = try RenderContext(platform)
    renderer = try FrameRenderer(context, alwaysUploads: alwaysUploads)
    self.window = try WindowSurface(context, window: window, size: size, swapInterval: swapInterval)
  }
}
