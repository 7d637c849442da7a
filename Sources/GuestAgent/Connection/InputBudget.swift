// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// How much an agent may say that nobody has asked for. One that says more is read later: its bytes wait
/// in the guest.
struct InputBudget {
  /// What may come at once, and in a second, in bytes.
  private static let most = 1 << 18
  private static let perSecond = 1 << 20
  /// What a message costs beside its bytes: a thousand in a second are read.
  private static let ofMessage = 1024
  /// What an announcement costs: sixteen in a second are read. Each is an agent that begins anew, and everybody who
  /// listens begins anew with it.
  private static let ofAnnouncement = 1 << 16

  private var left = most
  private var last: MonotonicInstant

  init(now: MonotonicInstant) { last = now }

  mutating func charge(bytes: Int, messages: Int, announcements: Int) {
    left -= bytes + messages * Self.ofMessage + announcements * Self.ofAnnouncement
  }

  /// Whether more may be read.
  mutating func allows(now: MonotonicInstant) -> Bool {
    let passed = now.elapsed(since: last)
    // What is below a millisecond is kept for later.
    if passed >= 1_000_000 {
      let earned = Int(min(passed / 1000, 1_000_000)) * Self.perSecond / 1_000_000
      left = min(Self.most, left + earned)
      last = now
    }
    return left > 0
  }

  /// When more may be read; `nil` when it may be now.
  var again: MonotonicInstant? {
    guard left <= 0 else { return nil }
    let microseconds = (1 - left) * 1_000_000 / Self.perSecond + 1000
    return last.advanced(nanoseconds: microseconds * 1000)
  }
}
