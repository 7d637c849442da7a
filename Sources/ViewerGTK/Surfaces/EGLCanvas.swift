// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import VGPUDisplay

/// A canvas that EGL draws on. It reports the drawing as its renderer does.
protocol EGLCanvas: Canvas {
  var painter: EGLPainter { get }
}

extension EGLCanvas {
  var renderer: String { painter.renderer.context.capabilities.renderer }
  var path: PresentationPath? { painter.renderer.path }
  var counters: RendererCounters { painter.renderer.counters }
  var importRefusal: GraphicsError? { painter.renderer.importRefusal }

  func show(_ overlay: Overlay?) { painter.renderer.overlay = overlay }

  func pixels(of frame: Frame) throws(GraphicsError) -> PixelImage? {
    try painter.renderer.pixels(of: frame)
  }

  // Drawing finds any defect of the context.
  func hasChanged(_ frame: Frame, _ search: ChangeSearch) -> Bool {
    (try? painter.renderer.hasChanged(frame, search)) ?? true
  }
  var changeDetection: ChangeDetection? { painter.renderer.changeDetection }
}

/// The EGL side of a surface: a context, a renderer and a window. Each part keeps the parts that it
/// depends on.
final class EGLPainter {
  let renderer: FrameRenderer
  let window: WindowSurface

  /// - Parameter owner: the owner of the window and its connection.
  init(
    _ platform: EGLPlatform, window: UnsafeMutableRawPointer, keeping owner: AnyObject? = nil,
    size: PixelSize, alwaysUploads: Bool, swapInterval: Int32
  ) throws(GraphicsError) {
    let context = try RenderContext(platform, keeping: owner)
    renderer = try FrameRenderer(context, alwaysUploads: alwaysUploads)
    self.window = try WindowSurface(
      context, window: window, keeping: owner, size: size, swapInterval: swapInterval)
  }
}
