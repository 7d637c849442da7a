// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import FrameStatistics
import VGPUDisplay

/// Shows frames as part of the widget that GTK draws: copies each frame to the board, and asks for
/// the widget's painting; the painted widget then asks for the next frame. It needs no EGL.
final class CairoCanvas: Canvas {
  let renderer = "cairo"
  private(set) var path: PresentationPath?
  private(set) var counters = RendererCounters()
  let importRefusal: GraphicsError? = nil
  let feedback = FeedbackSource.timer
  let descriptor: Int32 = -1
  let asksForFrames = true
  var events: [CanvasEvent] = []
  private let link: RenderLink
  private let shadow = FrameShadow()

  /// A canvas with a GPU, which reads the frames that the CPU cannot read; `nil` for none.
  weak var reader: (any Canvas)?

  init(_ link: RenderLink) { self.link = link }

  func prepare() {}
  func read(isReadable: Bool) {}
  func place(_ geometry: SurfaceGeometry, withGTK: Bool) -> Bool { withGTK }

  func present(
    _ frame: Frame, at placement: Placement, number: UInt64, damage: Damage?
  ) throws(GraphicsError) {
    let update = try link.board.update(frame, placement, reader, damage)
    counters.uploads += update.copies
    counters.draws += 1
    path = .cairo
    link.tell { $0.wantsPaint.add(update.changed) }
  }

  func show(_ overlay: Overlay?) { link.board.show(overlay) }
  func pixels(of frame: Frame) throws(GraphicsError) -> PixelImage? {
    try reader?.pixels(of: frame)
  }

  func hasChanged(_ frame: Frame, _ search: ChangeSearch) -> Bool {
    shadow.hasChanged(frame, search)
  }
  var changeDetection: ChangeDetection? { .cpu }

  func hide() {
    link.board.clear()
    link.tell { $0.wantsPaint.add(nil) }
  }

  func hideWithGTK() { hide() }
}
