// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import FramePacing
import FrameStatistics
import LinuxSystem
import VGPUDisplay

/// The only counter of frames' events, on the render thread.
final class FrameRecord {
  private let link: RenderLink
  private var recorder: FrameRecorder
  /// Whether no feedback tells when frames are shown, so that only their hand-over is known.
  private var isBlind = true
  private var importNanoseconds: UInt64 = 0
  /// The sum over earlier canvases, less the present canvas's counters at its begin.
  private var past = RendererCounters()
  private var pastHandovers = HandoverCounters()
  private(set) var framesPresented = 0

  init(_ link: RenderLink, _ recorder: consuming FrameRecorder) {
    self.link = link
    self.recorder = recorder
  }

  /// Records that frames are drawn on a canvas from now on.
  func begins(_ canvas: any Canvas) {
    let (renderer, feedback) = (canvas.renderer, canvas.feedback)
    isBlind = feedback == .frameCallback || feedback == .timer
    recorder.feedback = feedback
    importNanoseconds = canvas.counters.importNanoseconds
    past -= canvas.counters
    pastHandovers -= canvas.handovers
    link.update { statistics in
      statistics.renderer = renderer
      statistics.feedback = feedback
    }
  }

  /// Records that no more frames are drawn on a canvas.
  func ends(_ canvas: any Canvas) {
    past += canvas.counters
    pastHandovers += canvas.handovers
  }

  /// Records that EGL is not, or no longer, available.
  func fellBack(_ error: GraphicsError) {
    link.update { $0.fallback = error }
  }

  /// Records a look at the guest.
  func queried(_ start: MonotonicInstant, _ counters: SourceCounters) {
    recorder.queried(MonotonicInstant.now.elapsed(since: start))
    link.update { $0.gets = counters.gets }
  }

  /// Records a flip of the guest.
  func newFrame(_ frame: Frame) {
    recorder.newFrame(detectedAt: frame.detectedAt)
    link.update { $0.newFrames += 1 }
  }

  /// Records a comparison of a shown frame's pixels with its earlier pixels.
  func compared(_ start: MonotonicInstant, by canvas: any Canvas) {
    let seconds = MonotonicInstant.now.seconds(since: start)
    let detection = canvas.changeDetection
    link.update { statistics in
      statistics.comparisons += 1
      statistics.comparisonSeconds += seconds
      statistics.changeDetection = detection
    }
  }

  /// Records that a frame was drawn and handed to the display server.
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
      statistics.handed.add(at: end)
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

  /// Records that the display server has shown a frame.
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

  /// Records that the display server has not shown a frame, because another one replaced it.
  func discarded(_ number: UInt64) {
    recorder.discarded(number)
    link.update { $0.framesDiscarded += 1 }
  }

  /// Records the end: no more events come.
  func flush() { recorder.flush() }
}

extension RendererCounters {
  fileprivate static func + (left: RendererCounters, right: RendererCounters) -> RendererCounters {
    var sum = left
    sum += right
    return sum
  }

  fileprivate static func -= (left: inout RendererCounters, right: RendererCounters) {
    left.draws -= right.draws
    left.imports -= right.imports
    left.importNanoseconds &-= right.importNanoseconds
    left.uploads -= right.uploads
    left.refusals -= right.refusals
  }

  fileprivate static func += (left: inout RendererCounters, right: RendererCounters) {
    left.draws += right.draws
    left.imports += right.imports
    // The sum wraps around while an earlier canvas is shown again.
    left.importNanoseconds &+= right.importNanoseconds
    left.uploads += right.uploads
    left.refusals += right.refusals
  }
}
