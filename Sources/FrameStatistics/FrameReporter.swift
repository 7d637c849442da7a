// SPDX-License-Identifier: Apache-2.0

import Histogram
import Synchronization

/// The other end of a `FrameRecorder`, for any thread: adds up the records.
///
/// The recorder's thread never waits. A report leaves an empty set of samples for the recorder. At
/// its next query the recorder exchanges its full set for the empty one: a few hundred bytes, under
/// a lock that it only tries. So a report has the records until about the previous report. Take
/// reports at a low rate, such as four a second, and let the recorder's thread call
/// `FrameRecorder.flush` before the last one.
public final class FrameReporter: Sendable {
  /// Whether an empty set waits for the recorder. The recorder looks here before it tries the lock.
  let isWanted = Atomic(true)
  private let slot: Mutex<Slot>
  private let total: Mutex<Total>

  private struct Slot: Sendable {
    /// The recorder's full samples, or an empty set for it.
    var samples: FrameSamples
    var isFull = false
    var origin = FrameOrigin()
  }

  private struct Total: Sendable {
    var samples: FrameSamples
    /// A set of samples that moves between this object and the slot.
    var spare: FrameSamples
    var origin = FrameOrigin()
  }

  /// - Parameter capacity: the number of presentations that the time line holds.
  init(capacity: Int) {
    slot = Mutex(Slot(samples: FrameSamples(capacity: capacity)))
    total = Mutex(
      Total(
        samples: FrameSamples(capacity: capacity), spare: FrameSamples(capacity: capacity)))
  }

  /// Exchanges the recorder's samples; does nothing while a report is being taken.
  func exchange(_ samples: inout FrameSamples, _ origin: FrameOrigin) {
    // No closure that would capture `samples`, because nothing may be allocated here.
    _ = slot.withLockIfAvailable { slot in
      guard !slot.isFull else { return }
      swap(&samples, &slot.samples)
      slot.isFull = true
      slot.origin = origin
      isWanted.store(false, ordering: .relaxed)
    }
  }

  /// Exchanges the recorder's last samples: waits for the lock.
  func flush(_ samples: inout FrameSamples, _ origin: FrameOrigin) {
    slot.withLock { slot in
      if slot.isFull {
        slot.samples.add(samples)
      } else {
        swap(&samples, &slot.samples)
        slot.isFull = true
      }
      slot.origin = origin
      samples.clear()
      isWanted.store(false, ordering: .relaxed)
    }
  }

  /// The records so far, without the warm-up.
  public func report() -> FrameReport {
    total.withLock { total in
      collect(&total)
      return FrameReport(total.samples, total.origin)
    }
  }

  /// The report, and the values behind it.
  public func measurement() -> FrameMeasurement {
    total.withLock { total in
      collect(&total)
      return FrameMeasurement(
        report: FrameReport(total.samples, total.origin),
        presentations: total.samples.presentations.all,
        latencies: total.samples[.detectToPresent].recordedValues().map {
          FrameMeasurement.Occurrence(nanoseconds: $0.value, count: Int($0.count))
        })
    }
  }

  private func collect(_ total: inout Total) {
    let isFull = slot.withLock { slot in
      guard slot.isFull else { return false }
      swap(&total.spare, &slot.samples)
      slot.isFull = false
      total.origin = slot.origin
      isWanted.store(true, ordering: .relaxed)
      return true
    }
    guard isFull else { return }
    total.samples.add(total.spare)
    total.spare.clear()
  }
}

/// The origin of the presentation times.
struct FrameOrigin: Hashable, Sendable {
  var clock = TimestampClock.monotonic
  var feedback = FeedbackSource.none
  /// Nanoseconds from one refresh of the display to the next; 0 when the display server does not
  /// tell.
  var refresh: UInt64 = 0
}
