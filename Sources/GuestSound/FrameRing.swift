// SPDX-License-Identifier: Apache-2.0

/// Frames that wait, the oldest first. It has a fixed size: when it is full, the oldest go.
struct FrameRing {
  private var samples: [Float]
  private let channels: Int
  /// The place of the oldest frame.
  private var first = 0
  /// How many frames wait.
  private(set) var count = 0
  /// How many frames were dropped because nobody took them.
  private(set) var dropped = 0

  let capacity: Int

  init(capacity: Int, channels: Int) {
    self.capacity = capacity
    self.channels = channels
    samples = [Float](repeating: 0, count: capacity * channels)
  }

  /// Appends whole frames.
  mutating func write(_ new: UnsafeBufferPointer<Float>) {
    var frames = new.count / channels
    var source = 0
    if frames > capacity {
      dropped += frames - capacity
      source = frames - capacity
      frames = capacity
    }
    let excess = count + frames - capacity
    if excess > 0 {
      drop(excess)
      dropped += excess
    }
    var place = (first + count) % capacity
    for _ in 0..<frames {
      for channel in 0..<channels {
        samples[place * channels + channel] = new[source * channels + channel]
      }
      source += 1
      place = place + 1 == capacity ? 0 : place + 1
    }
    count += frames
  }

  /// Takes the oldest frames.
  ///
  /// - Returns: how many there were.
  mutating func read(into target: UnsafeMutableBufferPointer<Float>) -> Int {
    let frames = min(target.count / channels, count)
    var place = first
    for frame in 0..<frames {
      for channel in 0..<channels {
        target[frame * channels + channel] = samples[place * channels + channel]
      }
      place = place + 1 == capacity ? 0 : place + 1
    }
    drop(frames)
    return frames
  }

  /// Lets the oldest frames go.
  mutating func drop(_ frames: Int) {
    let frames = min(frames, count)
    first = (first + frames) % capacity
    count -= frames
  }
}
