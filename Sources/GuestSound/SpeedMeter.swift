// SPDX-License-Identifier: Apache-2.0

/// How fast a guest plays, by what it writes: some frames at a time, and at times late. What comes late says
/// nothing of its speed, so the earliest frames of each half second are compared. A guest that stood still does
/// not make up for it, nor does a sound server, so the measure begins anew then.
struct SpeedMeter {
  /// All times are in seconds: those of the guest's frames, and those of the frames that were taken.
  private var written = 0.0
  private var taken = 0.0
  private var parts = 0
  /// The most that the guest was ahead in this part; and in the first and the last one in which it wrote, with
  /// their numbers.
  private var most: Double?
  private var first: (part: Int, most: Double)?
  private var last: (part: Int, most: Double)?

  /// The length of a part.
  private static let part = 0.5
  /// Whoever falls so far behind within a part, or so far ahead, was not slow or fast: one of both stood still.
  private static let stall = 0.02

  /// The guest wrote.
  mutating func write(_ seconds: Double) {
    written += seconds
    most = max(most ?? -.infinity, written - taken)
  }

  /// Frames were taken, in so much time.
  mutating func take(_ seconds: Double) {
    taken += seconds
    guard taken >= Double(parts + 1) * Self.part else { return }
    parts += 1
    if let most {
      if let last, abs(last.most - most) > Self.stall { first = nil }
      last = (parts, most)
      first = first ?? last
    }
    most = nil
  }

  /// The guest's clock as a multiple of the taker's, and the seconds that this was measured in; `nil` before a
  /// second has passed.
  var speed: (rate: Double, time: Double)? {
    guard let first, let last else { return nil }
    let time = Double(last.part - first.part) * Self.part
    return time < 1 ? nil : (1 + (last.most - first.most) / time, time)
  }
}
