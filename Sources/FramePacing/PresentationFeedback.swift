// SPDX-License-Identifier: Apache-2.0

public import LinuxSystem

/// What a display server says of a frame that it has shown.
public struct PresentationFeedback: Hashable, Sendable {
  /// When the frame turned into light, or was about to; CLOCK_MONOTONIC.
  public var time: MonotonicInstant
  /// The nanoseconds to the next refresh, as the server foresees them; 0 where it does not know, as
  /// with a variable refresh rate.
  public var interval: Int
  /// A number that each refresh of the same monitor increases by one; `nil` where there is none.
  public var sequence: UInt64?

  /// Makes feedback of its parts.
  public init(time: MonotonicInstant, interval: Int, sequence: UInt64? = nil) {
    self.time = time
    self.interval = interval
    self.sequence = sequence
  }
}
