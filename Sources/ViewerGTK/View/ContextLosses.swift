// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import LinuxSystem

/// How often a view's EGL context was lost, and whether another one is worth it.
struct ContextLosses {
  private var times: [MonotonicInstant] = []

  /// So many within so many seconds are too many: the guest's picture may be why the GPU is reset, and
  /// the host's other programs suffer with it.
  private static let most = 3
  private static let period = 30.0
  /// Milliseconds before a lost context is made anew.
  static let pause = 250

  /// Takes down a failure.
  ///
  /// - Returns: whether EGL is to be given up for it.
  mutating func isLast(_ error: GraphicsError, now: MonotonicInstant = .now) -> Bool {
    times = times.filter { now.seconds(since: $0) < Self.period } + [now]
    // A GPU that is just being reset refuses a context too, but not for long.
    return times.count >= Self.most || error.kind == .unavailable && times.count == 1
  }
}
