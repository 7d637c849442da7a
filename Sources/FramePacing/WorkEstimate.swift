// SPDX-License-Identifier: Apache-2.0

/// How long it takes from looking at the guest to handing over its frame: quick to believe that it
/// takes long, slow to believe that it does not.
public struct WorkEstimate: Sendable {
  /// Nanoseconds.
  public private(set) var nanoseconds = 0
  private var hasSample = false

  /// Nothing was measured yet.
  public init() {}

  /// Learns from one frame.
  ///
  /// - Parameters:
  ///   - sample: how long the frame took, in nanoseconds.
  ///   - most: what is longer counts as this: a frame that had to be imported first, or a thread
  ///     that had to wait, is no measure.
  public mutating func learn(_ sample: Int, most: Int) {
    let sample = min(max(0, sample), most)
    defer { hasSample = true }
    guard hasSample else {
      nanoseconds = sample
      return
    }
    nanoseconds += (sample - nanoseconds) / (sample > nanoseconds ? 2 : 16)
  }
}

/// By how much frames are handed over later than was planned, as a busy machine wakes threads late
/// and stops them halfway: what is set aside for it costs latency, what is not costs frames.
///
/// It comes to what all but one frame in a thousand or so need: what is seldomer costs next to
/// nothing, and is not waited for.
public struct Lateness: Sendable {
  /// Nanoseconds to be set aside.
  public private(set) var nanoseconds = 0

  /// Frames in time that make up for a late one.
  private static let balance = 1024

  /// Nothing was late yet.
  public init() {}

  /// Learns from one frame.
  ///
  /// - Parameters:
  ///   - sample: how late it was handed over, in nanoseconds; less than 0 when early.
  ///   - interval: the monitor's, in nanoseconds. What is later than a quarter of it says nothing: a
  ///     machine that stands still is not waited for.
  public mutating func learn(_ sample: Int, interval: Int) {
    guard sample <= interval / 4 else { return }
    let step = interval / 16
    nanoseconds =
      sample > nanoseconds
      ? min(sample, nanoseconds + step) : max(0, nanoseconds - max(1, step / Self.balance))
  }
}
