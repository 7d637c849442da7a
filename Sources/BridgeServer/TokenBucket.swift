// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// Allows so many of something in a second, and a quarter of a second's worth at once.
struct TokenBucket {
  private let rate: Double
  private let most: Double
  private var tokens: Double
  private var filledAt: MonotonicInstant

  init(perSecond rate: Int, now: MonotonicInstant) {
    self.rate = Double(rate)
    most = max(1, Double(rate) / 4)
    tokens = most
    filledAt = now
  }

  private mutating func fill(_ now: MonotonicInstant) {
    tokens = min(most, tokens + max(0, now.seconds(since: filledAt)) * rate)
    filledAt = now
  }

  /// Takes one, if there is one.
  mutating func take(_ now: MonotonicInstant) -> Bool {
    fill(now)
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }

  /// Whether there is one to take.
  mutating func hasOne(_ now: MonotonicInstant) -> Bool {
    fill(now)
    return tokens >= 1
  }

  /// Whether nothing was taken for a while.
  mutating func isFull(_ now: MonotonicInstant) -> Bool {
    fill(now)
    return tokens == most
  }
}
