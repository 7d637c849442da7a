// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

extension MonotonicInstant {
  /// This instant moved by nanoseconds. What would lie before the clock's start, or beyond its end,
  /// is the clock's start or end.
  public func advanced(nanoseconds delta: Int) -> MonotonicInstant {
    let magnitude = UInt64(delta.magnitude)
    let (sum, overflows) =
      delta < 0
      ? nanoseconds.subtractingReportingOverflow(magnitude)
      : nanoseconds.addingReportingOverflow(magnitude)
    return MonotonicInstant(nanoseconds: overflows ? (delta < 0 ? 0 : .max) : sum)
  }

  /// The nanoseconds from `earlier` to this instant; negative when it comes before, and never more
  /// than an `Int` holds.
  public func nanoseconds(since earlier: MonotonicInstant) -> Int {
    nanoseconds >= earlier.nanoseconds
      ? Int(clamping: nanoseconds - earlier.nanoseconds)
      : -Int(clamping: earlier.nanoseconds - nanoseconds)
  }
}
