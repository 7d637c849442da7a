// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A sine of 997 Hz at 48000 samples a second: a frequency that shares no divisor with the rate.
public enum Tone {
  public static let frequency = 997.0
  public static let rate = 48000.0

  /// Samples of the tone.
  public static func samples(
    _ count: Int, amplitude: Double = 0.5, rate: Double = rate, from first: Int = 0
  ) -> [Float] {
    (first..<(first + count)).map {
      Float(amplitude * sin(2 * .pi * frequency * Double($0) / rate))
    }
  }

  /// The tone's part of the signal's power, in the tenth of a second that has least of it (Goertzel's
  /// algorithm). In so short a time a tone that drift correction has moved a little counts as the tone.
  public static func part(of samples: [Float], at frequency: Double = frequency) -> Double {
    let size = Int(rate / 10)
    return (0..<(samples.count / size)).map {
      power(of: samples[($0 * size)..<(($0 + 1) * size)], at: frequency)
    }.min() ?? 0
  }

  private static func power(of samples: ArraySlice<Float>, at frequency: Double) -> Double {
    let factor = 2 * cos(2 * .pi * frequency / rate)
    var (before, last, power) = (0.0, 0.0, 0.0)
    for sample in samples {
      (before, last) = (last, Double(sample) + factor * last - before)
      power += Double(sample) * Double(sample)
    }
    let own = before * before + last * last - factor * before * last
    return power == 0 ? 0 : 2 * own / (Double(samples.count) * power)
  }

  /// The windows of 10 ms in which the signal is not the tone alone: a gap, a jump or a click among them.
  ///
  /// - Parameters:
  ///   - tolerance: how much of the amplitude may be wrong.
  ///   - drift: how far the tone's frequency may be off, as a part of it: drift correction moves it.
  /// - Returns: the windows' numbers.
  public static func faults(
    in samples: [Float], amplitude: Double, tolerance: Double = 0.1, drift: Double = 0.0075
  ) -> [Int] {
    let size = 480
    let half = size / 2
    let turn = 2 * .pi * frequency * Double(half) / rate
    return (0..<(samples.count / size)).filter { window in
      let part = samples[(window * size)..<((window + 1) * size)]
      // How the phase moves on from one half to the other tells the frequency.
      let (before, after) = (fit(part.prefix(half)), fit(part.suffix(half)))
      let moved = remainder(after.phase - before.phase - turn, 2 * .pi)
      guard abs(moved) <= drift * turn else { return true }
      let found = fit(part, at: frequency * (1 + moved / turn))
      return abs(found.amplitude - amplitude) > amplitude * tolerance
        || found.rest > amplitude * tolerance
    }
  }

  /// The sine of a frequency that fits a signal best, by least squares, and what is left of the signal without
  /// it, as the root of the mean square.
  private static func fit(_ part: ArraySlice<Float>, at frequency: Double = frequency)
    -> (amplitude: Double, phase: Double, rest: Double)
  {
    var (ss, sc, cc, xs, xc, xx) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    for (index, sample) in part.enumerated() {
      let angle = 2 * .pi * frequency * Double(index) / rate
      let (x, s, c) = (Double(sample), sin(angle), cos(angle))
      ss += s * s
      sc += s * c
      cc += c * c
      xs += x * s
      xc += x * c
      xx += x * x
    }
    let determinant = ss * cc - sc * sc
    let sine = (xs * cc - xc * sc) / determinant
    let cosine = (xc * ss - xs * sc) / determinant
    let rest = max(xx - sine * xs - cosine * xc, 0) / Double(part.count)
    return (hypot(sine, cosine), atan2(cosine, sine), rest.squareRoot())
  }
}
