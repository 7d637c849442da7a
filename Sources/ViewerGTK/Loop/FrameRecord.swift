// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import FramePacing
import LinuxSystem
import VGPUDisplay

/// The one place that what happens to frames is counted at, by the render thread.
final class FrameRecord {
  private let link: RenderLink
  /// Of the canvases that are gone.
  private var past = RendererCounters()
  private(set) var framesPresented = 0

  init(_ link: RenderLink) { self.link = link }

  /// Frames are drawn on a canvas from now on.
  func begins(_ canvas: any Canvas, on backend: ViewerStatistics.Backend?) {
    let (renderer, feedback) = (canvas.renderer, canvas.feedback)
    link.update { statistics in
      statistics.backend = backend
      statistics.renderer = renderer
      statistics.feedback = feedback
    }
  }

  /// No more frames are drawn on a canvas.
  func ends(_ canvas: any Canvas) {
    past += canvas.counters
  }

  /// There is no EGL, or none any more.
  func fellBack(_ error: GraphicsError) {
    link.update { $0.fallback = error }
  }

  /// The guest was looked at.
  func queried(_ start: MonotonicInstant, _ counters: SourceCounters) {
    link.update { $0.gets = counters.gets }
  }

  /// The guest shows another buffer than before.
  func newFrame(_ frame: Frame) {
    link.update { $0.newFrames += 1 }
  }

  /// The pixels of a frame that is shown already were compared with what they were.
  func compared(_ start: MonotonicInstant, by canvas: any Canvas) {
    let seconds = MonotonicInstant.now.seconds(since: start)
    let detection = canvas.changeDetection
    link.update { statistics in
      statistics.comparisons += 1
      statistics.comparisonSeconds += seconds
      statistics.changeDetection = detection
    }
  }

  /// A frame was drawn and handed to the display server.
  func committed(
    _ number: UInt64, drawnFrom begin: MonotonicInstant, at end: MonotonicInstant,
    by canvas: any Canvas
  ) {
    framesPresented += 1
    let counters = past + canvas.counters
    let (path, refusal) = (canvas.path, canvas.importRefusal)
    link.update { statistics in
      statistics.presented(at: end)
      statistics.path = path
      statistics.imports = counters.imports
      statistics.copies = counters.uploads
      statistics.draws = counters.draws
      if let refusal { statistics.importRefusal = refusal }
    }
  }

  /// The display server has shown a frame.
  func presented(
    _ number: UInt64, _ feedback: PresentationFeedback, _ verdict: FrameSchedule.Verdict,
    interval: Int?
  ) {
    link.update { statistics in
      statistics.framesShown += 1
      if verdict == .late { statistics.framesLate += 1 }
      statistics.refreshRate = interval.map { 1e9 / Double($0) }
    }
  }

  /// The display server has not shown a frame, as another one came before.
  func discarded(_ number: UInt64) {
    link.update { $0.framesDiscarded += 1 }
  }
}

extension RendererCounters {
  fileprivate static func + (left: RendererCounters, right: RendererCounters) -> RendererCounters {
    var sum = left
    sum += right
    return sum
  }

  fileprivate static func += (left: inout RendererCounters, right: RendererCounters) {
    left.draws += right.draws
    left.imports += right.imports
    left.uploads += right.uploads
    left.refusals += right.refusals
  }
}
