// SPDX-License-Identifier: Apache-2.0

/// One frame that was presented, for a time line.
public struct Presentation: Hashable, Sendable {
  /// When, in nanoseconds of the presentation clock.
  public var time: UInt64
  /// Nanoseconds since the one before; 0 for the first, and for the first after a pause.
  public var interval: UInt64
  /// Nanoseconds since its guest frame was detected; 0 when it showed no new one, or the clock does
  /// not allow to tell.
  public var latency: UInt64
  /// Whether it was the first to show a frame of the guest's.
  public var isNew: Bool
  /// At how many refreshes before it the frame was there but not shown.
  public var missed: UInt32
}

/// The last presentations, as many as there is room for. Appending allocates nothing.
struct PresentationRing: Sendable {
  private var entries: [Presentation]
  private var next = 0
  private(set) var count = 0

  init(capacity: Int) {
    entries = Array(
      repeating: Presentation(time: 0, interval: 0, latency: 0, isNew: false, missed: 0),
      count: max(1, capacity))
  }

  mutating func append(_ entry: Presentation) {
    entries[next] = entry
    next = next + 1 == entries.count ? 0 : next + 1
    count = min(count + 1, entries.count)
  }

  mutating func append(_ other: borrowing PresentationRing) {
    for index in 0..<other.count { append(other[index]) }
  }

  mutating func clear() {
    next = 0
    count = 0
  }

  /// 0 is the oldest.
  private subscript(_ index: Int) -> Presentation {
    let place = next - count + index
    return entries[place < 0 ? place + entries.count : place]
  }

  /// The oldest first.
  var all: [Presentation] { (0..<count).map { self[$0] } }
}
