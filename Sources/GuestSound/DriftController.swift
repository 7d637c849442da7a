// SPDX-License-Identifier: Apache-2.0

/// Finds the rate at which frames must be taken so that the number of those that wait stays the same: the
/// guest's clock and the sound card's are never equally fast, and nobody tells how fast they are.
///
/// A proportional-integral controller, critically damped. What it knows of the clocks may be off by 3 %: a
/// QEMU whose audio timer has its usual 10 ms loses what passes between two of its rounds, 0.4 % to 1 % on a
/// quiet machine and 2 % on a slow one. What it adds to that, to catch up or to wait, is too small to be heard:
/// half a percent at most, a twelfth of a semitone.
struct DriftController {
  /// How fast frames must be taken, as a multiple of their own frequency.
  private(set) var rate = 1.0

  /// What is known of the clocks: the rate at which the excess stays as it is, less one.
  private var integral = 0.0
  /// The smoothed excess in seconds; `nil` before the first one.
  private var smoothed: Double?

  /// The smoothed excess in seconds.
  var excess: Double { smoothed ?? 0 }

  /// The largest difference of the clocks.
  static let limit = 0.03
  /// The largest correction beyond that.
  static let sway = 0.005
  /// The correction for each second of excess.
  private static let proportional = 0.05
  /// The correction for each second of excess, growing with each second.
  private static let integrating = proportional * proportional / 4
  /// The time over which the excess is smoothed, in seconds. Frames come and go in lumps.
  private static let smoothing = 1.0

  /// Takes a look at what waits.
  ///
  /// - Parameters:
  ///   - seconds: how much more waits than should; negative for less.
  ///   - elapsed: the time since the last look, in seconds.
  mutating func look(excess seconds: Double, elapsed: Double) {
    let weight = min(elapsed / Self.smoothing, 1)
    let smooth = smoothed.map { $0 + (seconds - $0) * weight } ?? seconds
    smoothed = smooth
    let correction = smooth * Self.proportional
    // At its limit it does not wind up.
    if abs(correction) < Self.sway { know(integral + smooth * Self.integrating * elapsed) }
    rate = 1 + integral + min(max(correction, -Self.sway), Self.sway)
  }

  /// Forgets the excess, and keeps what is known of the clocks: the frames that wait were exchanged.
  mutating func restart() {
    smoothed = nil
    rate = 1 + integral
  }

  /// Takes over what was measured.
  ///
  /// - Parameters:
  ///   - measured: the guest's clock, as a multiple of the sound card's.
  ///   - weight: how much it counts beside what was known, 0 to 1.
  mutating func learn(rate measured: Double, weight: Double) {
    know(integral + (measured - 1 - integral) * weight)
    restart()
  }

  private mutating func know(_ difference: Double) {
    integral = min(max(difference, -Self.limit), Self.limit)
  }
}
