// SPDX-License-Identifier: Apache-2.0

import Histogram

/// The records of a stretch of time. Two of them can be added.
struct FrameSamples: Sendable {
  // The samples lie in place, so that recording neither allocates nor checks whether an array is
  // shared. Every report goes through all cases, so a number that is too small traps in any test.
  private var steps = InlineArray<7, Values> { _ in .ofNanoseconds() }
  private var counts = InlineArray<7, Int>(repeating: 0)
  var span = Span()
  var presentations: PresentationRing

  /// The first and the last presented frame.
  struct Span: Sendable {
    /// The time of the first frame, in nanoseconds; 0 before it.
    var first: UInt64 = 0
    var last: UInt64 = 0
    var isFirstUpdate = false
  }

  init(capacity: Int) { presentations = PresentationRing(capacity: capacity) }

  subscript(step: FrameStep) -> Values {
    @inline(__always) _read { yield steps[step.rawValue] }
    @inline(__always) _modify { yield &steps[step.rawValue] }
  }

  subscript(count: FrameCount) -> Int {
    @inline(__always) _read { yield counts[count.rawValue] }
    @inline(__always) _modify { yield &counts[count.rawValue] }
  }

  mutating func add(_ other: borrowing FrameSamples) {
    for step in FrameStep.allCases { self[step].add(other[step]) }
    for count in FrameCount.allCases { self[count] &+= other[count] }
    span.append(other.span)
    presentations.append(other.presentations)
  }

  mutating func clear() {
    for step in FrameStep.allCases { self[step].reset() }
    for count in FrameCount.allCases { self[count] = 0 }
    span = Span()
    presentations.clear()
  }
}

extension FrameSamples.Span {
  fileprivate mutating func append(_ later: Self) {
    if first == 0 {
      first = later.first
      isFirstUpdate = later.isFirstUpdate
    }
    if later.last != 0 { last = later.last }
  }
}
