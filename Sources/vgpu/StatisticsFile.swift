// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import FrameStatistics
import VGPUDisplay
import ViewerGTK

/// The contents of `vgpu view --stats` and `vgpu bench --json`. docs/statistics.md describes every key; keys are added,
/// never renamed or removed.
struct StatisticsFile: Encodable, Sendable {
  let framesPresented: Int
  let seconds: Double
  let framesPerSecond: Double
  let path: String?
  let imports: Int
  let gets: Int
  let copies: Int
  let draws: Int
  let flips: Int
  let queries: Int
  let transients: Int
  let inputEvents: Int
  let renderer: String?
  let backend: String?
  let importRefusal: String?
  let fallback: String?
  let timing: FrameReport?

  init(_ view: ViewerStatistics, source: SourceCounters) {
    framesPresented = view.framesPresented
    seconds = view.seconds
    framesPerSecond = view.framesPerSecond
    path = view.path?.rawValue
    imports = view.imports
    gets = source.gets
    copies = view.copies
    draws = view.draws
    flips = source.flips
    queries = source.queries
    transients = source.transients
    inputEvents = view.inputEvents
    renderer = view.renderer
    backend = view.backend?.rawValue
    importRefusal = view.importRefusal.map { "\($0)" }
    fallback = view.fallback.map { "\($0)" }
    timing = view.frames?.report
  }
}
