// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import VGPUDisplay

/// A surface that EGL draws on: what it says of its drawing is what its renderer says.
@MainActor
protocol EGLSurface: GuestSurface {
  /// `nil` after the surface was disposed of.
  var painter: EGLPainter? { get }
}

extension EGLSurface {
  var renderer: String { painter?.renderer.context.capabilities.renderer ?? "" }
  var path: PresentationPath? { painter?.renderer.path }
  var counters: RendererCounters { painter?.renderer.counters ?? RendererCounters() }
  var importRefusal: GraphicsError? { painter?.renderer.importRefusal }

  func show(_ overlay: Overlay?) { painter?.renderer.overlay = overlay }

  func pixels(of frame: Frame) throws(GraphicsError) -> PixelImage? {
    try painter?.renderer.pixels(of: frame)
  }
}
