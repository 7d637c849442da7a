// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import FramePacing
import FrameStatistics
import LinuxSystem
import VGPUDisplay

/// A surface that shows frames over the visible part of a widget: the seam between the view and the
/// window systems. GTK's thread makes, moves and releases it; the render thread draws on its canvas.
///
/// A surface lives while its widget is mapped, and longer than its canvas. It takes along
/// everything that it has made.
@MainActor
protocol GuestSurface: AnyObject {
  /// Makes the canvas, on the render thread.
  var maker: any CanvasMaker { get }

  /// Follows the widget, except for the canvas's part. The display server shows the new place with
  /// the next frame of the native window.
  func place(_ geometry: SurfaceGeometry)
}

extension GuestSurface {
  func place(_ geometry: SurfaceGeometry) {}
}

/// A cairo drawing context (`cairo_t *`).
package typealias CairoContext = OpaquePointer

/// A surface's place over a widget and the part of it that is visible, in GTK's units. The surface covers
/// the widget, except for some units at its edges where a unit is no whole number of device pixels.
struct SurfaceGeometry: Equatable, Sendable {
  /// The left edge in the native window.
  var x = 0
  /// The upper edge in the native window.
  var y = 0
  var width = 1
  var height = 1
  /// The part that no ancestor cuts off, from the upper left corner.
  var visible = PixelRectangle(x: 0, y: 0, width: 1, height: 1)
  /// Device pixels of one unit.
  var scale = SurfaceScale(whole: 1)

  /// Whether any part of the widget is visible.
  var isVisible: Bool { visible.width > 0 && visible.height > 0 }

  /// The whole size in device pixels.
  var pixels: PixelSize {
    PixelSize(width: max(1, scale.pixels(width)), height: max(1, scale.pixels(height)))
  }

  /// The visible part in device pixels, from the upper left corner. It has at least one pixel,
  /// because a surface needs one.
  var part: PixelRectangle {
    PixelRectangle(
      x: scale.pixels(visible.x), y: scale.pixels(visible.y),
      width: max(1, scale.pixels(max(1, visible.width))),
      height: max(1, scale.pixels(max(1, visible.height))))
  }

  /// The same place with another scale: the largest part of it whose edges are whole device pixels, if
  /// the native window's corner is one.
  func scaled(by scale: SurfaceScale) -> SurfaceGeometry {
    var aligned = self
    aligned.scale = scale
    guard scale.whole == nil else { return aligned }
    func span(_ start: Int, _ length: Int) -> (Int, Int) {
      let (first, last) = (scale.up(start), scale.down(start + length))
      return last > first ? (first, last - first) : (start, length)
    }
    (aligned.x, aligned.width) = span(x, width)
    (aligned.y, aligned.height) = span(y, height)
    guard isVisible else {
      aligned.visible = PixelRectangle(x: 0, y: 0, width: 0, height: 0)
      return aligned
    }
    let (left, across) = span(x + visible.x, visible.width)
    let (top, down) = span(y + visible.y, visible.height)
    aligned.visible = PixelRectangle(
      x: left - aligned.x, y: top - aligned.y, width: across, height: down)
    return aligned
  }

  /// The visible part's size in device pixels.
  var partSize: PixelSize { PixelSize(width: part.width, height: part.height) }
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
  ///
  /// - Parameter withGTK: GTK's thread waits, and paints its window next. The place and the frame
  ///   that is presented next become visible together with that painting, when the display server
  ///   can do so.
  /// - Returns: whether that frame must be presented before GTK's thread goes on.
  func place(_ geometry: SurfaceGeometry, withGTK: Bool) -> Bool
  /// Shows a frame.
  ///
  /// - Parameters:
  ///   - placement: the picture's place in the canvas's own area.
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
  func hasChanged(_ frame: Frame, _ search: ChangeSearch) -> Bool
  /// The way in which `hasChanged` finds out; `nil` before its first call.
  var changeDetection: ChangeDetection? { get }
  /// Uncovers the widget. No more events come for presented frames.
  func hide()
  /// Like `hide`, together with GTK's next painting of its window; GTK's thread waits meanwhile.
  func hideWithGTK()
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

  static func -= (left: inout HandoverCounters, right: HandoverCounters) {
    left.frames -= right.frames
    left.buffers -= right.buffers
  }
}

extension Canvas {
  var handovers: HandoverCounters { HandoverCounters() }
  var handoverObstacle: HandoverObstacle? { nil }
}

/// Makes a canvas on the render thread, from the parts that GTK's thread has prepared.
protocol CanvasMaker: Sendable {
  /// - Throws: `GraphicsError.Kind.unavailable`.
  func make(_ link: RenderLink) throws(GraphicsError) -> any Canvas
}
