// SPDX-License-Identifier: Apache-2.0

import Histogram

/// What was recorded in some stretch of time. Two of them can be added.
struct FrameSamples: Sendable {
  var detectToPresent = Values.ofNanoseconds()
  var detectToCommit = Values.ofNanoseconds()
  var query = Values.ofNanoseconds()
  var importing = Values.ofNanoseconds()
  var draw = Values.ofNanoseconds()
  var interval = Values.ofNanoseconds()
  var jitter = Values.ofNanoseconds()
  var counts = Counts()
  var presentations: PresentationRing

  struct Counts: Sendable {
    var presented = 0
    var updates = 0
    var warmUp = 0
    var missed = 0
    var superseded = 0
    var discarded = 0
    var pauses = 0
    /// Of the first presented frame; 0 before it.
    var first: UInt64 = 0
    var last: UInt64 = 0
    var isFirstUpdate = false
  }

  init(capacity: Int) { presentations = PresentationRing(capacity: capacity) }

  mutating func add(_ other: borrowing FrameSamples) {
    detectToPresent.add(other.detectToPresent)
    detectToCommit.add(other.detectToCommit)
    query.add(other.query)
    importing.add(other.importing)
    draw.add(other.draw)
    interval.add(other.interval)
    jitter.add(other.jitter)
    counts.add(other.counts)
    presentations.append(other.presentations)
  }

  mutating func clear() {
    detectToPresent.reset()
    detectToCommit.reset()
    query.reset()
    importing.reset()
    draw.reset()
    interval.reset()
    jitter.reset()
    counts = Counts()
    presentations.clear()
  }
}

extension FrameSamples.Counts {
  fileprivate mutating func add(_ other: Self) {
    if first == 0 {
      first = other.first
      isFirstUpdate = other.isFirstUpdate
    }
    if other.last != 0 { last = other.last }
    presented &+= other.presented
    updates &+= other.updates
    warmUp &+= other.warmUp
    missed &+= other.missed
    superseded &+= other.superseded
    discarded &+= other.discarded
    pauses &+= other.pauses
  }
}
