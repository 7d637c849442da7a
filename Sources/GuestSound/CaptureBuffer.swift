// SPDX-License-Identifier: Apache-2.0

/// What the microphone hears, on its way to a guest. A guest's device takes what is there, so its clock
/// follows the microphone's. When the microphone falls silent altogether, the guest gets silence at its own
/// frequency, because a device that delivers nothing looks broken to it.
struct CaptureBuffer {
  private var ring: FrameRing
  private let frequency: Double
  private let channels: Int
  /// The time up to which the guest has frames, in seconds; `nil` while it records nothing.
  private var delivered: Double?

  init(frequency: Int, channels: Int) {
    self.frequency = Double(frequency)
    self.channels = channels
    ring = FrameRing(capacity: frequency * Self.most / 1000, channels: channels)
  }

  /// The most that waits for the guest, in milliseconds. What is older goes.
  private static let most = 100
  /// How long the microphone may say nothing before it is silence, in seconds.
  private static let patience = 0.1

  /// How many frames wait.
  var count: Int { ring.count }
  /// How many frames were dropped because the guest did not take them.
  var dropped: Int { ring.dropped }

  /// Adds what was heard.
  mutating func write(_ samples: UnsafeBufferPointer<Float>) { ring.write(samples) }

  /// Forgets what was heard, when the guest begins to record and when it ends.
  mutating func reset() {
    ring.drop(ring.count)
    delivered = nil
  }

  /// Takes frames for the guest.
  ///
  /// - Parameters:
  ///   - samples: gets them.
  ///   - now: the time in seconds.
  /// - Returns: how many there are.
  mutating func read(into samples: UnsafeMutableBufferPointer<Float>, at now: Double) -> Int {
    let since = delivered ?? now
    let heard = ring.read(into: samples)
    if heard > 0 {
      delivered = now
      return heard
    }
    delivered = since
    guard now - since > Self.patience else { return 0 }
    let begin = max(since, now - 1)
    let frames = min(samples.count / channels, Int((now - begin - Self.patience) * frequency))
    samples.update(repeating: 0)
    delivered = begin + Double(frames) / frequency
    return frames
  }
}
