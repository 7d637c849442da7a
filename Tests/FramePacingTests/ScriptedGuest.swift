// SPDX-License-Identifier: Apache-2.0

import FramePacing
import LinuxSystem
import TestSupport

/// A guest that flips regularly, give or take, and what a viewer sees of that.
struct ScriptedGuest {
  /// When it flips, ascending.
  private var flips: [MonotonicInstant] = []
  private var next = 0

  /// - Parameters:
  ///   - rate: flips a second.
  ///   - jitter: nanoseconds by which a flip is off, at most.
  init(rate: Double, jitter: Int, flips count: Int, from start: MonotonicInstant) {
    var random = SeededGenerator(seed: 7)
    for flip in 1...count {
      let due = Int(Double(flip) * 1e9 / rate)
      // The sum of several is near to what timers do.
      let off = (0..<4).reduce(0) { sum, _ in sum + Int.random(in: -jitter...jitter, using: &random)
      }
      flips.append(start.advanced(nanoseconds: due + off / 4))
    }
    flips.sort()
  }

  /// When it flipped to what was shown last.
  var lastFlip: MonotonicInstant { flips[max(0, next - 1)] }

  /// - Parameter isShown: whether what it flipped to is shown now.
  /// - Returns: the flips since the last that was shown.
  mutating func flipped(until now: MonotonicInstant, isShown: Bool = true) -> Int {
    var newest = next
    while newest < flips.count, flips[newest] <= now { newest += 1 }
    defer { if isShown { next = newest } }
    return newest - next
  }
}
