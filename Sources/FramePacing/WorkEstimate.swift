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
