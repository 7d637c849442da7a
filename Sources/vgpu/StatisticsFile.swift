// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import FrameStatistics
import VGPUDisplay
import ViewerGTK

/// The contents of `vgpu view --stats` and `vgpu bench --json`. docs/statistics.md describes every key; keys are added,
/// never renamed or removed.
struct StatisticsFile: Encodable, Sendable {
  let framesPresented: Int
  let newFrames: Int
  let framesShown: Int
  let framesLate: Int
  let framesDiscarded: Int
  let feedback: String?
  let refreshRate: Double?
  let comparisons: Int
  let comparisonSeconds: Double
  let changeDetection: String?
  let seconds: Double
  let framesPerSecond: Double
  let path: String?
  let imports: Int
  let gets: Int
  let copies: Int
  let draws: Int
  let handovers: Int
  let compositorBuffers: Int
  let flips: Int
  let queries: Int
  let transients: Int
  let inputEvents: Int
  let renderer: String?
  let backend: String?
  let importRefusal: String?
  let handoverRefusal: String?
  let fallback: String?
  let timing: FrameReport?

  init(_ view: ViewerStatistics, source: SourceCounters) {
    framesPresented = view.framesPresented
    newFrames = view.newFrames
    framesShown = view.framesShown
    framesLate = view.framesLate
    framesDiscarded = view.framesDiscarded
    feedback = view.feedback?.rawValue
    refreshRate = view.refreshRate
    comparisons = view.comparisons
    comparisonSeconds = view.comparisonSeconds
    changeDetection = view.changeDetection?.rawValue
    seconds = view.seconds
    framesPerSecond = view.framesPerSecond
    path = view.path?.rawValue
    imports = view.imports
    gets = source.gets
    copies = view.copies
    draws = view.draws
    handovers = view.handovers
    compositorBuffers = view.compositorBuffers
    flips = source.flips
    queries = source.queries
    transients = source.transients
    inputEvents = view.inputEvents
    renderer = view.renderer
    backend = view.backend?.rawValue
    handoverRefusal = view.handoverRefusal
    importRefusal = view.importRefusal.map { "\($0)" }
    fallback = view.fallback.map { "\($0)" }
    timing = view.frames?.report
  }
}
