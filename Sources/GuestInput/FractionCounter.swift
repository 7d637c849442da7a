// SPDX-License-Identifier: Apache-2.0

/// Makes whole steps out of fractions and loses none: a wheel's notches from a touchpad's smooth
/// scrolling, a mouse's steps from a compositor's motion.
package struct FractionCounter {
  private var rest = 0.0

  package init() {}

  /// Adds to the rest of the earlier calls.
  ///
  /// - Returns: the whole steps so far. A value that is no number, or beyond any hand's motion,
  ///   counts as zero.
  package mutating func steps(adding value: Double) -> Int {
    guard abs(value) < 1e6 else { return 0 }
    // A change of direction takes effect at once.
    if rest * value < 0 { rest = 0 }
    rest += value
    let whole = rest.rounded(.towardZero)
    rest -= whole
    return Int(whole)
  }

  /// Forgets the rest.
  package mutating func reset() { rest = 0 }
}
