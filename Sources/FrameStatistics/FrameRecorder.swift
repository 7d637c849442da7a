// SPDX-License-Identifier: Apache-2.0

import CSignpost
public import LinuxSystem
import Synchronization

/// Notes what becomes of a guest's frames, step by step, on the thread that shows them.
///
/// It belongs to whoever shows frames, and may be moved to another thread once it is made. No call
/// allocates, waits, or makes a system call; each is also a tracepoint (docs/statistics.md).
/// `reporter` hands what it noted to others.
///
/// Call, in this order: `queried` after each look at the guest; `newFrame` when it shows another
/// buffer; `imported` and `drawn` while that is drawn; `committed` when it is handed over; and once
/// for each of these, in the order of the commits, `presented` or `discarded`. Where the display
/// server tells nothing, `presented` is called with the time of the hand-over, and `feedback` says
/// so.
///
/// The first second after the first commit is left out: there shaders are compiled and buffers
/// imported. Imports are counted all the same, since nearly all of them happen then.
public struct FrameRecorder: ~Copyable, Sendable {
  /// Where others get at what was noted.
  public let reporter: FrameReporter
  /// Who tells when frames are presented; to be set before the first is.
  public var feedback: FeedbackSource {
    get { origin.feedback }
    set { origin.feedback = newValue }
  }
  /// By which clock; to be set before the first is.
  public var clock: TimestampClock {
    get { origin.clock }
    set { origin.clock = newValue }
  }

  private var samples: FrameSamples
  private var origin = FrameOrigin()
  private let warmUp: UInt64
  private var firstCommit: UInt64?
  private var isMeasuring: Bool
  /// The guest's frame that was not committed yet: when it was detected.
  private var pending: UInt64?
  private var inFlight = CommitQueue()
  private var lastNumber: UInt64 = 0
  private var last: (time: UInt64, interval: UInt64?, sequence: UInt64?)?

  /// A longer interval between two presentations is no slow frame but a guest that drew nothing:
  /// a pause, in nanoseconds.
  public static let pause: UInt64 = 1_000_000_000

  /// Makes a recorder and its reporter.
  ///
  /// - Parameters:
  ///   - warmUp: how long after the first commit frames are left out.
  ///   - capacity: how many of the last presentations are kept for a time line, 48 bytes each and
  ///     three times over.
  public init(warmUp: Duration = .seconds(1), capacity: Int = 600) {
    let (seconds, attoseconds) = warmUp.components
    self.warmUp = UInt64(
      clamping: min(max(seconds, 0), 1_000_000) * 1_000_000_000 + attoseconds / 1_000_000_000)
    isMeasuring = self.warmUp == 0
    let capacity = min(max(1, capacity), 1 << 20)
    samples = FrameSamples(capacity: capacity)
    reporter = FrameReporter(capacity: capacity)
  }

  /// A look at the guest took so many nanoseconds.
  public mutating func queried(_ nanoseconds: UInt64) {
    vgpu_signpost_query(nanoseconds)
    if isMeasuring { samples[.query].record(nanoseconds: nanoseconds) }
    if reporter.isWanted.load(ordering: .relaxed) { reporter.exchange(&samples, origin) }
  }

  /// The guest shows a buffer that it did not show before. One that was not committed before the
  /// next is superseded.
  ///
  /// - Parameter instant: when it was seen first.
  public mutating func newFrame(detectedAt instant: MonotonicInstant) {
    vgpu_signpost_new_frame(instant.nanoseconds)
    if pending != nil { superseded() }
    pending = instant.nanoseconds
  }

  /// The import of a buffer took so many nanoseconds.
  public mutating func imported(_ nanoseconds: UInt64) {
    vgpu_signpost_import(nanoseconds)
    samples[.importing].record(nanoseconds: nanoseconds)
  }

  /// A frame was drawn, which took the CPU so many nanoseconds; what the GPU does later is not in
  /// it.
  public mutating func drawn(_ nanoseconds: UInt64) {
    vgpu_signpost_draw(nanoseconds)
    if isMeasuring { samples[.draw].record(nanoseconds: nanoseconds) }
  }

  /// The frame was handed to the display server.
  ///
  /// - Parameters:
  ///   - instant: when, CLOCK_MONOTONIC.
  ///   - number: what `presented` and `discarded` call it, higher than the last; `nil` for the next
  ///     number.
  public mutating func committed(at instant: MonotonicInstant, number: UInt64? = nil) {
    let now = instant.nanoseconds
    vgpu_signpost_commit(now)
    let detected = pending
    pending = nil
    let isMeasured = isMeasuring
    if isMeasured {
      if let detected { samples[.detectToCommit].record(nanoseconds: elapsed(detected, now)) }
    } else {
      samples[.warmUp] &+= 1
      let first = firstCommit ?? now
      firstCommit = first
      // From the next look on: each step of the same frames is counted.
      isMeasuring = elapsed(first, now) >= warmUp
    }
    lastNumber = number ?? lastNumber &+ 1
    inFlight.append(Commit(number: lastNumber, detected: detected, isMeasured: isMeasured))
  }

  /// A commit was shown.
  ///
  /// - Parameters:
  ///   - number: which; `nil` for the oldest that nothing is known of yet. Older ones are forgotten.
  ///   - instant: when, by `clock`.
  ///   - refresh: nanoseconds to the display's next refresh; 0 when it does not tell.
  ///   - sequence: the vertical blank's number; `nil` when it has none.
  public mutating func presented(
    _ number: UInt64? = nil, at instant: MonotonicInstant, refresh: UInt64 = 0,
    sequence: UInt64? = nil
  ) {
    let now = instant.nanoseconds
    guard let commit = inFlight.remove(number) else { return }
    let latency = commit.detected.flatMap { clock == .monotonic ? elapsed($0, now) : nil }
    vgpu_signpost_present(now, latency ?? 0)
    guard commit.isMeasured else { return }
    if refresh != 0 { origin.refresh = refresh }
    var entry = Presentation(
      time: now, interval: 0, latency: latency ?? 0, isNew: commit.detected != nil, missed: 0)
    let period = refresh != 0 ? refresh : period(until: now, sequence)
    if let latency {
      samples[.detectToPresent].record(nanoseconds: latency)
      // The refreshes before this one at which the frame was there already; none while the window
      // was hidden.
      if period != 0, latency <= Self.pause {
        entry.missed = UInt32(clamping: latency / period)
        samples[.missed] &+= Int(entry.missed)
      }
    }
    entry.interval = noteInterval(until: now, sequence)
    note(entry)
  }

  /// A commit was never shown, because another took its place (wp_presentation_feedback.discarded).
  ///
  /// - Parameter number: which; `nil` for the oldest that nothing is known of yet.
  public mutating func discarded(_ number: UInt64? = nil) {
    guard let commit = inFlight.remove(number), commit.isMeasured else { return }
    samples[.discarded] &+= 1
  }

  /// A guest's frame was detected and not used, because a newer one came.
  private mutating func superseded() {
    if isMeasuring { samples[.superseded] &+= 1 }
  }

  /// Hands over everything that was noted, waiting for a report that is being taken: before the
  /// last report, and when the thread is going to sleep for long.
  public mutating func flush() { reporter.flush(&samples, origin) }

  private func elapsed(_ earlier: UInt64, _ later: UInt64) -> UInt64 {
    later > earlier ? later - earlier : 0
  }

  /// The display's own period, as far as two counted presentations tell.
  private func period(until now: UInt64, _ sequence: UInt64?) -> UInt64 {
    guard let last, let sequence, let before = last.sequence, sequence > before, now > last.time
    else { return 0 }
    return (now - last.time) / (sequence - before)
  }

  /// - Returns: the interval since the presentation before; 0 when there is none.
  private mutating func noteInterval(until now: UInt64, _ sequence: UInt64?) -> UInt64 {
    guard let last, now > last.time else {
      self.last = (now, nil, sequence)
      return 0
    }
    let interval = now - last.time
    guard interval <= Self.pause else {
      samples[.pauses] &+= 1
      self.last = (now, nil, sequence)
      return 0
    }
    samples[.interval].record(nanoseconds: interval)
    if let before = last.interval {
      samples[.jitter].record(
        nanoseconds: interval > before ? interval - before : before - interval)
    }
    self.last = (now, interval, sequence)
    return interval
  }

  private mutating func note(_ entry: Presentation) {
    samples[.presented] &+= 1
    if entry.isNew { samples[.updates] &+= 1 }
    if samples.span.first == 0 {
      samples.span.first = entry.time
      samples.span.isFirstUpdate = entry.isNew
    }
    samples.span.last = entry.time
    samples.presentations.append(entry)
  }
}

/// A frame that was handed over, until it is known what became of it.
private struct Commit: Sendable {
  var number: UInt64
  /// When its picture was detected; `nil` when it was an old one.
  var detected: UInt64?
  var isMeasured: Bool
}

/// The commits that nothing is known of yet, the oldest first. A display server that never answers
/// costs no memory: the oldest is forgotten.
private struct CommitQueue: Sendable {
  private static let capacity = 8
  private var entries = [Commit](
    repeating: Commit(number: 0, detected: nil, isMeasured: false), count: capacity)
  private var first = 0
  private var count = 0

  mutating func append(_ commit: Commit) {
    if count == Self.capacity { _ = removeFirst() }
    entries[(first + count) % Self.capacity] = commit
    count += 1
  }

  /// The commit with a number, and all before it; or the oldest.
  mutating func remove(_ number: UInt64?) -> Commit? {
    guard let number else { return removeFirst() }
    while count > 0, entries[first].number <= number {
      if let commit = removeFirst(), commit.number == number { return commit }
    }
    return nil
  }

  private mutating func removeFirst() -> Commit? {
    guard count > 0 else { return nil }
    let commit = entries[first]
    first = (first + 1) % Self.capacity
    count -= 1
    return commit
  }
}
