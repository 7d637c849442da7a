// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import FramePacing
import FrameStatistics
import LinuxSystem
import VGPUDisplay

/// A surface that shows frames over a widget's area: the seam between the view and the window
/// systems. GTK's thread makes, moves and releases it; the render thread draws on its canvas.
///
/// A surface lives while its widget is mapped, and longer than its canvas. It takes along
/// everything that it has made.
@MainActor
protocol GuestSurface: AnyObject {
  /// Makes the canvas, on the render thread.
  var maker: any CanvasMaker { get }

  /// Follows the widget, except for the canvas's part.
  func place(_ geometry: SurfaceGeometry)
  /// Draws the presented frame, for a surface without a window of its own.
  func paint(_ context: CairoContext)
}

extension GuestSurface {
  func place(_ geometry: SurfaceGeometry) {}
  func paint(_ context: CairoContext) {}
}

/// A cairo drawing context (`cairo_t *`).
package typealias CairoContext = OpaquePointer

/// A widget's place in the units of its toplevel window, and the device pixels of one unit.
struct SurfaceGeometry: Equatable, Sendable {
  var x = 0
  var y = 0
  var width = 1
  var height = 1
  var scale = 1

  var pixels: PixelSize { PixelSize(width: width * scale, height: height * scale) }
}

/// The render thread's part of a surface, on which it draws. It is made, used and released on that
/// thread.
protocol Canvas: AnyObject {
  /// The renderer's name.
  var renderer: String { get }
  var path: PresentationPath? { get }
  var counters: RendererCounters { get }
  var importRefusal: GraphicsError? { get }
  /// The frames that were handed to the display server without a drawing.
  var handovers: HandoverCounters { get }
  /// Why the last frame was drawn; `nil` when it was handed over, and on a canvas that never hands
  /// frames over.
  var handoverObstacle: HandoverObstacle? { get }
  /// The origin of the presentation times.
  var feedback: FeedbackSource { get }
  /// The display server's connection, to be polled; -1 for none.
  var descriptor: Int32 { get }

  /// Whether it asks for every frame (`CanvasEvent.ready`); else the schedule chooses the time.
  var asksForFrames: Bool { get }
  /// The display server's events since the last call.
  var events: [CanvasEvent] { get set }

  /// Before poll(2): takes events that have been read already, and announces that the rest will be
  /// read.
  func prepare()
  /// After every `prepare`: reads the available events.
  func read(isReadable: Bool)
  /// Follows the widget.
  func place(_ geometry: SurfaceGeometry)
  /// The size of the drawing area in device pixels.
  var area: PixelSize { get }
  /// Shows a frame.
  ///
  /// - Parameters:
  ///   - placement: the picture's place in `area`.
  ///   - number: the frame's number in the events.
  ///   - damage: the pixels that may differ from the previously presented frame; `nil` for all.
  func present(
    _ frame: Frame, at placement: Placement, number: UInt64, damage: Damage?
  ) throws(GraphicsError)
  /// Lays a picture over the frames that are presented from now on, or removes it.
  func show(_ overlay: Overlay?)
  /// Draws a frame into memory, one pixel for each pixel of the guest; `nil` on a canvas without a
  /// GPU.
  func pixels(of frame: Frame) throws(GraphicsError) -> PixelImage?
  /// Whether a frame's pixels differ from those at the last call for it; `true` when the canvas
  /// cannot tell.
  func hasChanged(_ frame: Frame) -> Bool
  /// The way in which `hasChanged` finds out; `nil` before its first call.
  var changeDetection: ChangeDetection? { get }
  /// Uncovers the widget. No more events come for presented frames.
  func hide()
}

/// A display server's event for a canvas.
enum CanvasEvent {
  /// The next frame may be presented.
  case ready
  /// A frame was shown.
  case presented(UInt64, PresentationFeedback)
  /// A frame was never shown, because another one replaced it.
  case discarded(UInt64)
  /// The surface is entirely hidden, or visible again.
  case covered(Bool)
  /// The last presented frame can be presented better now.
  case stale
}

/// A canvas's hand-overs of unchanged buffers to the display server.
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

/// Makes a canvas on the render thread, from the parts that GTK's thread has prepared.
protocol CanvasMaker: Sendable {
  var backend: ViewerStatistics.Backend? { get }

  /// - Throws: `GraphicsError.Kind.unavailable`.
  func make(_ link: RenderLink) throws(GraphicsError) -> any Canvas
}
