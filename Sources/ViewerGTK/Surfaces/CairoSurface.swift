// SPDX-License-Identifier: Apache-2.0

import CGTK3
import EGLPresenter

/// The last resort where there is no EGL: the CPU copies every frame on the render thread, and cairo
/// draws it as part of the widget, on GTK's.
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
