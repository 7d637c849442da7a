// SPDX-License-Identifier: Apache-2.0

import FrameStatistics
import LinuxSystem
import VGPUDisplay

/// The steps of each frame.
enum Step: String, CaseIterable {
  case flip
  case idle
  case record
}

/// A viewer without a picture.
struct FramePath: ~Copyable {
  private(set) var frames = 0
  private let step: Step
  private let source: DisplaySource<FlippingGuest>
  private var recorder = FrameRecorder(warmUp: .zero)
  private var flip: UInt64?
  private var time: UInt64 = 1_000_000_000

  /// The time from one frame to the next, in nanoseconds.
  private static let interval: UInt64 = 4_166_667

  init(_ step: Step) throws {
    self.step = step
    source = DisplaySource(try FlippingGuest(isIdle: step == .idle), now: FlippingGuest.now)
  }

  /// The number of recorded frames, as a proof that the recorder ran.
  mutating func recorded() -> Int {
    recorder.flush()
    return recorder.reporter.report()[.query].count
  }

  mutating func frame() {
    time += Self.interval
    frames += 1
    guard step != .record else {
      record(MonotonicInstant(nanoseconds: time))
      return
    }
    let state = source.poll()
    recorder.queried(1600)
    guard case .frame(let frame) = state, frame.flip != flip else { return }
    flip = frame.flip
    record(MonotonicInstant(nanoseconds: time))
  }

  private mutating func record(_ now: MonotonicInstant) {
    if step == .record { recorder.queried(1600) }
    recorder.newFrame(detectedAt: now)
    recorder.drawn(200_000)
    recorder.committed(at: MonotonicInstant(nanoseconds: now.nanoseconds + 300_000))
    recorder.presented(
      at: MonotonicInstant(nanoseconds: now.nanoseconds + 3_000_000), refresh: Self.interval,
      sequence: UInt64(frames))
  }
}
