// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter
import FrameStatistics
import VGPUDisplay

/// The last resort on a machine without EGL: the CPU copies every frame on the render thread, and
/// cairo draws it as part of the widget, on GTK's thread.
@MainActor
final class CairoSurface: GuestSurface {
  let maker: any CanvasMaker
  private let board = CairoBoard()
  private let link: RenderLink
  private var geometry: SurfaceGeometry

  init(
    _ geometry: SurfaceGeometry, backend: ViewerStatistics.Backend?, _ link: RenderLink
  ) {
    self.geometry = geometry
    self.link = link
    maker = CairoCanvasMaker(backend: backend, board: board, geometry: geometry)
  }

  func place(_ geometry: SurfaceGeometry) { self.geometry = geometry }

  func paint(_ context: CairoContext) {
    board.paint(context, scale: geometry.scale)
    link.order { $0.hasPainted = true }
  }
}

/// The render thread's part of a `CairoSurface`. It copies a frame and asks for the widget's
/// painting; the painted widget then asks for the next frame.
final class CairoCanvas: Canvas {
  let renderer = "cairo"
  private(set) var path: PresentationPath?
  private(set) var counters = RendererCounters()
  let importRefusal: GraphicsError? = nil
  let feedback = FeedbackSource.timer
  let descriptor: Int32 = -1
  let asksForFrames = true
  var events: [CanvasEvent] = []
  private let board: CairoBoard
  private let link: RenderLink
  private let shadow = FrameShadow()
  private var geometry: SurfaceGeometry

  init(_ board: CairoBoard, _ geometry: SurfaceGeometry, _ link: RenderLink) {
    self.board = board
    self.geometry = geometry
    self.link = link
  }

  func prepare() {}
  func read(isReadable: Bool) {}
  func place(_ geometry: SurfaceGeometry) { self.geometry = geometry }

  var area: PixelSize { geometry.pixels }

  func present(
    _ frame: Frame, at placement: Placement, number: UInt64, damage: Damage?
  ) throws(GraphicsError) {
    counters.uploads += try board.update(frame, placement)
    counters.draws += 1
    path = .cairo
    link.tell { $0.wantsPaint = true }
  }

  func show(_ overlay: Overlay?) { board.show(overlay) }
  func pixels(of frame: Frame) -> PixelImage? { nil }

  func hasChanged(_ frame: Frame) -> Bool { shadow.hasChanged(frame) }
  var changeDetection: ChangeDetection? { .cpu }

  func hide() {
    board.clear()
    link.tell { $0.wantsPaint = true }
  }
}

/// Makes the canvas of a `CairoSurface`.
struct CairoCanvasMaker: CanvasMaker {
  let backend: ViewerStatistics.Backend?
  let board: CairoBoard
  let geometry: SurfaceGeometry

  func make(_ link: RenderLink) throws(GraphicsError) -> any Canvas {
    CairoCanvas(board, geometry, link)
  }
}
