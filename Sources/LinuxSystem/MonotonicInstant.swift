// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A point in time on CLOCK_MONOTONIC, the clock of the kernel's and the compositors' timestamps.
public struct MonotonicInstant: InstantProtocol, Hashable, Sendable {
  /// Nanoseconds since an unspecified point before the program started.
  public let nanoseconds: UInt64

  /// Makes an instant from a timestamp that another program took on the same clock.
  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  /// clock_gettime(2) with CLOCK_MONOTONIC.
  public static var now: MonotonicInstant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return MonotonicInstant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
  }

  /// The time from this instant to `other`; negative when `other` is earlier. It is never more than
  /// 292 years.
  public func duration(to other: MonotonicInstant) -> Duration {
    .nanoseconds(other.nanoseconds(since: self))
  }

  /// This instant moved by whole nanoseconds. The result stays within the clock's start and end.
  public func advanced(by duration: Duration) -> MonotonicInstant {
    advanced(nanoseconds: duration.wholeNanoseconds)
  }

  /// The seconds from `earlier` to this instant; negative when this instant is the earlier one.
  package func seconds(since earlier: MonotonicInstant) -> Double {
    (Double(nanoseconds) - Double(earlier.nanoseconds)) / 1e9
  }

  /// The whole nanoseconds from `earlier` to this instant; zero when this instant is the earlier
  /// one.
  package func elapsed(since earlier: MonotonicInstant) -> UInt64 {
    nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0
  }

  /// This instant moved by nanoseconds. The result stays within the clock's start and end.
  package func advanced(nanoseconds delta: Int) -> MonotonicInstant {
    let magnitude = UInt64(delta.magnitude)
    let (sum, overflows) =
      delta < 0
      ? nanoseconds.subtractingReportingOverflow(magnitude)
      : nanoseconds.addingReportingOverflow(magnitude)
    return MonotonicInstant(nanoseconds: overflows ? (delta < 0 ? 0 : .max) : sum)
  }

  /// The nanoseconds from `earlier` to this instant; negative when this instant is the earlier one,
  /// and never more than an `Int` holds.
  package func nanoseconds(since earlier: MonotonicInstant) -> Int {
    nanoseconds >= earlier.nanoseconds
      ? Int(clamping: nanoseconds - earlier.nanoseconds)
      : -Int(clamping: earlier.nanoseconds - nanoseconds)
  }

  /// Whether the left instant is the earlier one.
  public static func < (left: MonotonicInstant, right: MonotonicInstant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }
}

extension Duration {
  /// The whole nanoseconds, and never more than an `Int` holds.
  package var wholeNanoseconds: Int {
    let (seconds, attoseconds) = components
    let (whole, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, alsoOverflows) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
    return overflows || alsoOverflows ? (seconds < 0 ? .min : .max) : Int(sum)
  }
}
