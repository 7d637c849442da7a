// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import FramePacing
import FrameStatistics
import LinuxSystem
import VGPUDisplay

/// The one place that what happens to frames is counted at, by the render thread.
final class FrameRecord {
  private let link: RenderLink
  private var recorder: FrameRecorder
  /// Nobody tells when frames are shown: the hand-over is all that is known.
  private var isBlind = true
  private var importNanoseconds: UInt64 = 0
  /// Of the canvases that are gone.
  private var past = RendererCounters()
  private var pastHandovers = HandoverCounters()
  private(set) var framesPresented = 0

  init(_ link: RenderLink, _ recorder: consuming FrameRecorder) {
    self.link = link
    self.recorder = recorder
  }

  /// Frames are drawn on a canvas from now on.
  func begins(_ canvas: any Canvas, on backend: ViewerStatistics.Backend?) {
    let (renderer, feedback) = (canvas.renderer, canvas.feedback)
    isBlind = feedback == .frameCallback || feedback == .timer
    recorder.feedback = feedback
    importNanoseconds = 0
    link.update { statistics in
      statistics.backend = backend
      statistics.renderer = renderer
      statistics.feedback = feedback
    }
  }

  /// No more frames are drawn on a canvas.
  func ends(_ canvas: any Canvas) {
    past += canvas.counters
    pastHandovers += canvas.handovers
  }

  /// There is no EGL, or none any more.
  func fellBack(_ error: GraphicsError) {
    link.update { $0.fallback = error }
  }

  /// The guest was looked at.
  func queried(_ start: MonotonicInstant, _ counters: SourceCounters) {
    recorder.queried(MonotonicInstant.now.elapsed(since: start))
    link.update { $0.gets = counters.gets }
  }

  /// The guest shows another buffer than before.
  func newFrame(_ frame: Frame) {
    recorder.newFrame(detectedAt: frame.detectedAt)
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
    let imported = canvas.counters.importNanoseconds - importNanoseconds
    importNanoseconds = canvas.counters.importNanoseconds
    if imported > 0 { recorder.imported(imported) }
    let drawn = end.elapsed(since: begin)
    recorder.drawn(drawn - min(imported, drawn))
    recorder.committed(at: end, number: number)
    if isBlind { recorder.presented(number, at: end) }
    let counters = past + canvas.counters
    var handovers = pastHandovers
    handovers += canvas.handovers
    let (path, refusal, obstacle) = (canvas.path, canvas.importRefusal, canvas.handoverObstacle)
    link.update { statistics in
      statistics.presented(at: end)
      statistics.path = path
      statistics.imports = counters.imports
      statistics.copies = counters.uploads
      statistics.draws = counters.draws
      statistics.handovers = handovers.frames
      statistics.compositorBuffers = handovers.buffers
      if obstacle?.isPassing != true { statistics.handoverObstacle = obstacle }
      if let refusal { statistics.importRefusal = refusal }
    }
  }

  /// The display server has shown a frame.
  func presented(
    _ number: UInt64, _ feedback: PresentationFeedback, _ verdict: FrameSchedule.Verdict,
    interval: Int?
  ) {
    recorder.presented(
      number, at: feedback.time, refresh: UInt64(clamping: feedback.interval),
      sequence: feedback.sequence)
    link.update { statistics in
      statistics.framesShown += 1
      if verdict == .late { statistics.framesLate += 1 }
      statistics.refreshRate = interval.map { 1e9 / Double($0) }
    }
  }

  /// The display server has not shown a frame, as another one came before.
  func discarded(_ number: UInt64) {
    recorder.discarded(number)
    link.update { $0.framesDiscarded += 1 }
  }

  /// No more is to come.
  func flush() { recorder.flush() }
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
    left.importNanoseconds += right.importNanoseconds
    left.uploads += right.uploads
    left.refusals += right.refusals
  }
}
