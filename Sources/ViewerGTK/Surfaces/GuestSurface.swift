// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import VGPUDisplay

/// What shows frames over a widget's area: the seam between the view and the window systems. GTK's
/// thread makes it, moves it and releases it; the render thread draws on its canvas.
///
/// A surface lives while its widget is mapped, and longer than its canvas.
@MainActor
protocol GuestSurface: AnyObject {
  /// Makes the canvas, on the render thread.
  var maker: any CanvasMaker { get }

  /// Follows the widget, as far as that is not the canvas's task.
  func place(_ geometry: SurfaceGeometry)
  /// Draws what was presented, for a surface that has none of its own to draw on.
  func paint(_ context: CairoContext)
  /// Releases everything in reverse order, when there is no canvas any more.
  func dispose()
}

extension GuestSurface {
  func place(_ geometry: SurfaceGeometry) {}
  func paint(_ context: CairoContext) {}
  func dispose() {}
}

/// A cairo drawing context (`cairo_t *`).
package typealias CairoContext = OpaquePointer

/// Where a widget is, in the units of its toplevel window, and how many device pixels one is.
struct SurfaceGeometry: Equatable, Sendable {
  var x = 0
  var y = 0
  var width = 1
  var height = 1
  var scale = 1

  var pixels: PixelSize { PixelSize(width: width * scale, height: height * scale) }
}
