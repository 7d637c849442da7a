// SPDX-License-Identifier: Apache-2.0

/// What a guest plays, on its way to the sound server. The guest writes whenever it likes, and the server
/// takes at its own clock: what is missing is silence, and what is too much goes.
///
/// Time is counted in the frames that were taken, so nothing here asks a clock.
struct PlaybackBuffer {
  private var ring: FrameRing
  private var drift = DriftController()
  private let frequency: Double
  private let channels: Int

  /// How many frames shall wait when the server takes some. It grows by what was missing, and shrinks when
  /// much is always left.
  private(set) var target: Int
  /// Whether frames are gathered, and silence is taken.
  private var isFilling = true
  /// Whether the frames ran out while the guest played.
  private var hasRunDry = false
  /// The frames of silence since the last of the guest's. It begins at rest.
  private var silence: Int
  /// How fast the guest has been since enough waited.
  private var meter = SpeedMeter()
  /// The least that was left after taking, and for how many frames that was watched.
  private var least = Int.max
  private var watched = 0
  /// How often frames ran out.
  private(set) var gaps = 0
  /// How many frames were left out because too many waited.
  private(set) var skipped = 0

  /// Whether the guest plays, as it says.
  var isEnabled = false {
    // A guest that stops runs out of frames without any fault.
    didSet { if !isEnabled { hasRunDry = false } }
  }

  init(frequency: Int, channels: Int) {
    self.frequency = Double(frequency)
    self.channels = channels
    ring = FrameRing(capacity: frequency / 2, channels: channels)
    target = frequency * Self.leastTarget / 1000
    silence = frequency * Self.patience / 1000
  }

  /// The limits of the target in milliseconds.
  private static let leastTarget = 20
  private static let mostTarget = 200
  /// How much more than the target may wait, in milliseconds.
  private static let slack = 100
  /// What is added to the target each time that frames ran out, at least, in milliseconds.
  private static let step = 5
  /// A longer silence is the guest's own, in milliseconds.
  private static let longestGap = 500
  /// How long a guest's speed must be measured before nothing else counts, in seconds: its pieces of some 10 ms
  /// make no difference any more.
  private static let measure = 5.0
  /// How long it is watched what is left before the target shrinks, in milliseconds.
  private static let watch = 30_000
  /// How long a guest may be silent before its stream rests, in milliseconds.
  private static let patience = 2000

  private func frames(_ milliseconds: Int) -> Int { Int(frequency) * milliseconds / 1000 }

  /// How fast frames must be taken, as a multiple of their frequency.
  var rate: Double { drift.rate }
  /// How many frames wait.
  var count: Int { ring.count }
  /// How many frames were dropped because nobody took them.
  var dropped: Int { ring.dropped }
  /// Whether the guest has been silent for so long that nothing needs to be played.
  var isIdle: Bool { ring.count == 0 && silence >= frames(Self.patience) }

  /// Adds what the guest plays.
  ///
  /// - Returns: whether the stream was idle.
  mutating func write(_ samples: UnsafeBufferPointer<Float>) -> Bool {
    guard samples.count >= channels else { return false }
    let wasIdle = isIdle
    if hasRunDry {
      hasRunDry = false
      if isEnabled, silence <= frames(Self.longestGap) {
        gaps += 1
        target = min(target + max(silence, frames(Self.step)), frames(Self.mostTarget))
        learnSpeed()
      }
    }
    meter.write(Double(samples.count / channels) / frequency)
    ring.write(samples)
    if wasIdle { silence = 0 }
    return wasIdle
  }

  /// Perhaps the guest is slower or faster than was thought. Nobody hears a step of the pitch where something is
  /// missing.
  private mutating func learnSpeed() {
    guard let (rate, time) = meter.speed else { return }
    drift.learn(rate: rate, weight: min(time / Self.measure, 1))
  }

  /// Takes frames, silence among them.
  ///
  /// - Returns: how many of them are the guest's.
  @discardableResult
  mutating func read(into samples: UnsafeMutableBufferPointer<Float>) -> Int {
    let wanted = samples.count / channels
    if isFilling {
      let needed = min(max(target, wanted + frames(Self.step)), frames(Self.mostTarget))
      if ring.count >= needed {
        target = needed
        isFilling = false
        // Nobody hears what is left out before the beginning.
        ring.drop(ring.count - needed)
        drift.restart()
        meter = SpeedMeter()
        forgetWatch()
      }
    }
    guard !isFilling else {
      samples.update(repeating: 0)
      silence += wanted
      // The end of what a guest plays is no part of what it plays next.
      if silence >= frames(Self.longestGap), !isEnabled { ring.drop(ring.count) }
      return 0
    }
    if ring.count > target + frames(Self.slack) {
      skipped += ring.count - target
      ring.drop(ring.count - target)
      drift.restart()
      learnSpeed()
      meter = SpeedMeter()
    }
    drift.look(
      excess: Double(ring.count - target) / frequency, elapsed: Double(wanted) / frequency)
    meter.take(Double(wanted) / drift.rate / frequency)
    let taken = ring.read(into: samples)
    if taken < wanted {
      UnsafeMutableBufferPointer(rebasing: samples[(taken * channels)...]).update(repeating: 0)
      isFilling = true
      hasRunDry = isEnabled
      silence = wanted - taken
    } else {
      silence = 0
      watchLeft(wanted)
    }
    return taken
  }

  /// Shrinks the target when much was left all the time.
  private mutating func watchLeft(_ wanted: Int) {
    // What is left while more waits than shall says nothing.
    guard abs(drift.excess) < 0.002 else { return forgetWatch() }
    least = min(least, ring.count)
    watched += wanted
    guard watched >= frames(Self.watch) else { return }
    let excess = least - 2 * frames(Self.step)
    if excess > 0 { target = max(target - excess / 2, frames(Self.leastTarget)) }
    forgetWatch()
  }

  private mutating func forgetWatch() {
    least = .max
    watched = 0
  }
}
