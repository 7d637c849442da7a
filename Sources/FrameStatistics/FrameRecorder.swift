// SPDX-License-Identifier: Apache-2.0

import CSignpost
public import LinuxSystem
import Synchronization

/// Records the fate of a guest's frames, step by step, on the thread that shows them.
///
/// It belongs to the program part that shows frames, and may be moved to another thread after it is
/// made. No call allocates, waits, or makes a system call; each call is also a tracepoint
/// (docs/statistics.md). `reporter` hands the records to other threads.
///
/// Call, in this order: `queried` after each look at the guest; `newFrame` when it shows another
/// buffer; `imported` and `drawn` while that is drawn; `committed` when it is handed over; and once
/// for each of these, in the order of the commits, `presented` or `discarded`. When the display
/// server tells nothing, call `presented` with the time of the hand-over, and set `feedback`
/// accordingly.
///
/// The first second after the first commit is left out, because shaders are compiled and buffers
/// imported then. Imports are counted all the same, because nearly all of them happen then.
public struct FrameRecorder: ~Copyable, Sendable {
  /// Gives other threads the records.
  public let reporter: FrameReporter
  /// The origin of the presentation times. Set it before the first frame is presented.
  public var feedback: FeedbackSource {
    get { origin.feedback }
    set { origin.feedback = newValue }
  }
  /// The clock of the presentation times. Set it before the first frame is presented.
  public var clock: TimestampClock {
    get { origin.clock }
    set { origin.clock = newValue }
  }

  private var samples: FrameSamples
  private var origin = FrameOrigin()
  private let warmUp: UInt64
  private var firstCommit: UInt64?
  private var isMeasuring: Bool
  /// The time when the guest's uncommitted frame was detected.
  private var pending: UInt64?
  private var inFlight = CommitQueue()
  private var lastNumber: UInt64 = 0
  private var last: (time: UInt64, interval: UInt64?, sequence: UInt64?)?

  /// The longest interval between two presentations, in nanoseconds, that counts as a slow frame.
  /// In a longer one the guest drew nothing: it is a pause.
  public static let pause: UInt64 = 1_000_000_000

  /// Makes a recorder and its reporter.
  ///
  /// - Parameters:
  ///   - warmUp: the time after the first commit in which frames are left out.
  ///   - capacity: the number of the last presentations that are kept for a time line, 48 bytes
  ///     each, in three copies.
  public init(warmUp: Duration = .seconds(1), capacity: Int = 600) {
    self.warmUp = UInt64(clamping: min(warmUp, .seconds(1_000_000)).wholeNanoseconds)
    isMeasuring = self.warmUp == 0
    let capacity = min(max(1, capacity), 1 << 20)
    samples = FrameSamples(capacity: capacity)
    reporter = FrameReporter(capacity: capacity)
  }

  /// Records the time of a look at the guest, in nanoseconds.
  public mutating func queried(_ nanoseconds: UInt64) {
    vgpu_signpost_query(nanoseconds)
    if isMeasuring { samples[.query].record(nanoseconds: nanoseconds) }
    if reporter.isWanted.load(ordering: .relaxed) { reporter.exchange(&samples, origin) }
  }

  /// Records that the guest shows a new buffer. A buffer that is not committed before the next one
  /// is superseded.
  ///
  /// - Parameter instant: the time when the buffer was first seen.
  public mutating func newFrame(detectedAt instant: MonotonicInstant) {
    vgpu_signpost_new_frame(instant.nanoseconds)
    if pending != nil { superseded() }
    pending = instant.nanoseconds
  }

  /// Records the time of a buffer's import, in nanoseconds.
  public mutating func imported(_ nanoseconds: UInt64) {
    vgpu_signpost_import(nanoseconds)
    samples[.importing].record(nanoseconds: nanoseconds)
  }

  /// Records the CPU's time for drawing a frame, in nanoseconds. The GPU's later work is not
  /// included.
  public mutating func drawn(_ nanoseconds: UInt64) {
    vgpu_signpost_draw(nanoseconds)
    if isMeasuring { samples[.draw].record(nanoseconds: nanoseconds) }
  }

  /// Records that the frame was handed to the display server.
  ///
  /// - Parameters:
  ///   - instant: when, CLOCK_MONOTONIC.
  ///   - number: the frame's number for `presented` and `discarded`, higher than the last; `nil`
  ///     for the next number.
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
      // Counting starts with the next look, so that each step counts the same frames.
      isMeasuring = elapsed(first, now) >= warmUp
    }
    lastNumber = number ?? lastNumber &+ 1
    inFlight.append(Commit(number: lastNumber, detected: detected, isMeasured: isMeasured))
  }

  /// Records that a commit was shown.
  ///
  /// - Parameters:
  ///   - number: the commit's number; `nil` for the oldest pending commit. Older pending commits
  ///     are forgotten.
  ///   - instant: the time, by `clock`.
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
      // The earlier refreshes that could have shown the frame; none while the window was hidden.
      if period != 0, latency <= Self.pause {
        entry.missed = UInt32(clamping: latency / period)
        samples[.missed] &+= Int(entry.missed)
      }
    }
    entry.interval = noteInterval(until: now, sequence)
    note(entry)
  }

  /// Records that a commit was never shown, because another took its place
  /// (wp_presentation_feedback.discarded).
  ///
  /// - Parameter number: the commit's number; `nil` for the oldest pending commit.
  public mutating func discarded(_ number: UInt64? = nil) {
    guard let commit = inFlight.remove(number), commit.isMeasured else { return }
    samples[.discarded] &+= 1
  }

  /// Records that a guest's frame was detected and not used, because a newer one came.
  private mutating func superseded() {
    if isMeasuring { samples[.superseded] &+= 1 }
  }

  /// Hands over all records, and waits for a report that is being taken. Call it before the last
  /// report, and before the thread sleeps for long.
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

  /// - Returns: the interval since the previous presentation; 0 when there is none.
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

/// A pending commit: a frame that was handed over and not yet presented or discarded.
private struct Commit: Sendable {
  var number: UInt64
  /// The time when its picture was detected; `nil` when the picture was an old one.
  var detected: UInt64?
  var isMeasured: Bool
}

/// The pending commits, the oldest first. A display server that never answers costs no memory,
/// because the oldest is then forgotten.
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

  /// Removes the commit with a number and all before it, or the oldest.
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
