// SPDX-License-Identifier: Apache-2.0

/// Whole steps out of fractions of them, of which none is lost: a wheel's notches from a touchpad's
/// smooth scrolling, a mouse's steps from a compositor's motion.
struct FractionCounter {
  private var rest = 0.0

  /// Adds to what is left of the calls before.
  ///
  /// - Returns: the whole steps that there are now. A value that is no number, or beyond any hand's
  ///   motion, counts as none.
  mutating func steps(adding value: Double) -> Int {
    guard abs(value) < 1e6 else { return 0 }
    // A turn back takes effect at once.
    if rest * value < 0 { rest = 0 }
    rest += value
    let whole = rest.rounded(.towardZero)
    rest -= whole
    return Int(whole)
  }

  /// Forgets the rest.
  mutating func reset() { rest = 0 }
}
