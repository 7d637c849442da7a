// SPDX-License-Identifier: Apache-2.0

import BridgeClient
import Foundation
import Synchronization

func monotonic() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// The results of viewers in a span of time.
struct Sample {
  /// Microseconds from each question to its answer.
  var looks: [Double] = []
  /// New frames.
  var flips = 0
  /// Microseconds from connect(2) to the first frame, for each new viewer.
  var arrivals: [Double] = []
  /// New viewers that got no frame within two seconds.
  var shutOut = 0
}

/// Well-behaved viewers, each on a thread: some look 60 times a second, and one connects again ten
/// times a second.
final class Viewers: Sendable {
  private let path: String
  private let sample = Mutex(Sample())
  private static let refresh: UInt64 = 16_666_667

  init(_ path: String, count: Int) {
    self.path = path
    for index in 0..<count {
      Thread.detachNewThread { self.look(offset: Self.refresh / UInt64(count) * UInt64(index)) }
    }
    Thread.detachNewThread { self.come() }
  }

  /// The results since the last call.
  func take() -> Sample {
    sample.withLock { sample in
      defer { sample = Sample() }
      return sample
    }
  }

  private func sleep(until instant: UInt64) {
    var time = timespec(
      tv_sec: Int(instant / 1_000_000_000), tv_nsec: Int(instant % 1_000_000_000))
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil)
  }

  private func look(offset: UInt64) {
    guard let source = try? BridgeSource(path: path) else {
      print("a viewer was not let in")
      exit(1)
    }
    var next = monotonic() + offset
    while true {
      next += Self.refresh
      // A refresh that has passed is lost, as on a screen.
      while next < monotonic() { next += Self.refresh }
      sleep(until: next)
      let (queries, flips) = (source.counters.queries, source.counters.flips)
      let start = monotonic()
      // A poll waits 2 ms for its answer.
      repeat { _ = source.poll() } while source.counters.queries == queries
      let took = Double(monotonic() - start) / 1000
      sample.withLock {
        $0.looks.append(took)
        $0.flips += source.counters.flips - flips
      }
    }
  }

  private func come() {
    while true {
      usleep(100_000)
      let start = monotonic()
      var isIn = false
      while !isIn, monotonic() - start < 2_000_000_000 {
        guard let source = try? BridgeSource(path: path) else {
          usleep(1000)
          continue
        }
        if case .frame = source.poll() { isIn = true }
      }
      let took = Double(monotonic() - start) / 1000
      sample.withLock { if isIn { $0.arrivals.append(took) } else { $0.shutOut += 1 } }
    }
  }
}
