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
  /// The tone's frequency may differ a little, as drift correction makes it.
  ///
  /// - Returns: the windows' numbers.
  public static func faults(in samples: [Float], amplitude: Double, tolerance: Double = 0.1)
    -> [Int]
  {
    let size = 480
    return (0..<(samples.count / size)).filter { window in
      let part = samples[(window * size)..<((window + 1) * size)]
      var (sine, cosine, power) = (0.0, 0.0, 0.0)
      for (index, sample) in part.enumerated() {
        let angle = 2 * .pi * frequency * Double(index) / rate
        sine += Double(sample) * sin(angle)
        cosine += Double(sample) * cos(angle)
        power += Double(sample) * Double(sample)
      }
      let found = 2 * (sine * sine + cosine * cosine).squareRoot() / Double(size)
      let rest = max(power / Double(size) - found * found / 2, 0).squareRoot()
      return abs(found - amplitude) > amplitude * tolerance || rest > amplitude * tolerance
    }
  }
}
