// SPDX-License-Identifier: Apache-2.0

/// The scale of a plot's axis: from zero to a round number, with ticks at round numbers.
struct PlotAxis {
  /// The value at the axis's end.
  let end: Double
  /// From one tick to the next.
  let step: Double
  private let decimals: Int

  /// An axis on which `value` has its place, with about `ticks` ticks.
  init(upTo value: Double, ticks: Int) {
    let value = value.isFinite && value > 0 ? value : 1
    let rough = value / Double(max(1, ticks))
    var magnitude = 1.0
    var decimals = 0
    while magnitude > rough {
      magnitude /= 10
      decimals += 1
    }
    while magnitude * 10 <= rough {
      magnitude *= 10
      decimals = max(0, decimals - 1)
    }
    let factors = [1.0, 2, 5, 10]
    let step = magnitude * (factors.first { $0 * magnitude >= rough } ?? 10)
    self.step = step
    self.decimals = step >= 10 * magnitude ? max(0, decimals - 1) : decimals
    end = step * (value / step).rounded(.up)
  }

  var ticks: [(value: Double, label: String)] {
    let count = Int((end / step).rounded())
    return (0...max(1, count)).map { index in
      let value = Double(index) * step
      return (value, value.fixed(decimals))
    }
  }
}
