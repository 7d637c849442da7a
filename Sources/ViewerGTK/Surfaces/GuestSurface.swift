// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import VGPUDisplay

/// What shows frames over a widget's area: the seam between the view, which knows what to show, and
/// the window systems, which know how and when.
///
/// A surface lives while its widget is mapped. After presenting a frame it calls the view's `tick`
/// once, when the next frame is due; while hidden it calls nothing.
@MainActor
protocol GuestSurface: AnyObject {
  var backend: ViewerStatistics.Backend? { get }
  /// Who draws.
  var renderer: String { get }
  var path: PresentationPath? { get }
  var counters: RendererCounters { get }
  var importRefusal: GraphicsError? { get }

  /// Follows the widget.
  func place(_ geometry: SurfaceGeometry)
  /// Shows a frame; returns where the picture lies in device pixels.
  func present(_ frame: Frame, _ mode: ScalingMode) throws(GraphicsError) -> Placement
  /// Lays a picture over those that are presented from now on, or none.
  func show(_ overlay: Overlay?)
  /// Draws what a frame shows into memory, one pixel to one of the guest's; `nil` where there is no
  /// GPU to do it.
  func pixels(of frame: Frame) throws(GraphicsError) -> PixelImage?
  /// Uncovers the widget.
  func hide()
  /// Draws what was presented, for a surface that has none of its own to draw on.
  func paint(_ context: CairoContext)
  /// Releases everything in reverse order. Nothing is called afterwards.
  func dispose()
}

extension GuestSurface {
  func paint(_ context: CairoContext) {}
}

/// A cairo drawing context (`cairo_t *`).
typealias CairoContext = OpaquePointer

/// Where a widget is, in the units of its toplevel window, and how many device pixels one is.
struct SurfaceGeometry: Equatable {
  var x = 0
  var y = 0
  var width = 1
  var height = 1
  var scale = 1

  var pixels: PixelSize { PixelSize(width: width * scale, height: height * scale) }
}
