// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import FramePacing
import FrameStatistics
import LinuxSystem
import VGPUDisplay

/// What shows frames over a widget's area: the seam between the view and the window systems. GTK's
/// thread makes it, moves it and releases it; the render thread draws on its canvas.
///
/// A surface lives while its widget is mapped, and longer than its canvas. What it has made goes with
/// it.
@MainActor
protocol GuestSurface: AnyObject {
  /// Makes the canvas, on the render thread.
  var maker: any CanvasMaker { get }

  /// Follows the widget, as far as that is not the canvas's task.
  func place(_ geometry: SurfaceGeometry)
  /// Draws what was presented, for a surface that has none of its own to draw on.
  func paint(_ context: CairoContext)
}

extension GuestSurface {
  func place(_ geometry: SurfaceGeometry) {}
  func paint(_ context: CairoContext) {}
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

/// What the render thread draws on: the part of a surface that is its own. It is made, used and
/// released on that thread.
protocol Canvas: AnyObject {
  /// Who draws.
  var renderer: String { get }
  var path: PresentationPath? { get }
  var counters: RendererCounters { get }
  var importRefusal: GraphicsError? { get }
  /// What was handed to the display server without being drawn.
  var handovers: HandoverCounters { get }
  /// Why the last frame was drawn; `nil` where it was handed over, and where none ever is.
  var handoverObstacle: HandoverObstacle? { get }
  /// What tells when frames were shown.
  var feedback: FeedbackSource { get }
  /// The display server's connection, to be polled; -1 for none.
  var descriptor: Int32 { get }

  /// Whether it asks for every frame (`CanvasEvent.ready`), or leaves the time to the schedule.
  var asksForFrames: Bool { get }
  /// What the display server has said since these were taken away.
  var events: [CanvasEvent] { get set }

  /// Before poll(2): takes what has been read already, and announces that the rest will be read.
  func prepare()
  /// After every `prepare`: reads what there is.
  func read(isReadable: Bool)
  /// Follows the widget.
  func place(_ geometry: SurfaceGeometry)
  /// Device pixels of what is drawn on.
  var area: PixelSize { get }
  /// Shows a frame.
  ///
  /// - Parameters:
  ///   - placement: where the picture lies in `area`.
  ///   - number: what the events call it.
  ///   - damage: where it may differ from what was presented before; `nil` for everywhere.
  func present(
    _ frame: Frame, at placement: Placement, number: UInt64, damage: Damage?
  ) throws(GraphicsError)
  /// Lays a picture over those that are presented from now on, or none.
  func show(_ overlay: Overlay?)
  /// Draws what a frame shows into memory, one pixel to one of the guest's; `nil` where there is no
  /// GPU to do it.
  func pixels(of frame: Frame) throws(GraphicsError) -> PixelImage?
  /// Whether the pixels of a frame are other ones than at the last call for it; `true` where that
  /// cannot be told.
  func hasChanged(_ frame: Frame) -> Bool
  /// How that is found out; `nil` before it was asked.
  var changeDetection: ChangeDetection? { get }
  /// Uncovers the widget. What was presented is not told of any more.
  func hide()
}

/// What a display server says to a canvas.
enum CanvasEvent {
  /// The next frame may be presented.
  case ready
  /// A frame was shown.
  case presented(UInt64, PresentationFeedback)
  /// A frame was never shown: another one came before.
  case discarded(UInt64)
  /// Nothing of the surface can be seen, or something again.
  case covered(Bool)
  /// What was presented last can be presented better now.
  case stale
}

/// What a canvas has handed to the display server as it was.
struct HandoverCounters {
  /// Frames whose buffer was handed over.
  var frames = 0
  /// Buffers that the display server has taken.
  var buffers = 0

  static func += (left: inout HandoverCounters, right: HandoverCounters) {
    left.frames += right.frames
    left.buffers += right.buffers
  }
}

extension Canvas {
  var handovers: HandoverCounters { HandoverCounters() }
  var handoverObstacle: HandoverObstacle? { nil }
}

/// Makes a canvas on the render thread, of what GTK's thread has prepared for it.
protocol CanvasMaker: Sendable {
  var backend: ViewerStatistics.Backend? { get }

  /// - Throws: `GraphicsError.Kind.unavailable`.
  func make(_ link: RenderLink) throws(GraphicsError) -> any Canvas
}
