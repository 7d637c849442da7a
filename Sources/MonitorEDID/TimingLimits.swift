// SPDX-License-Identifier: Apache-2.0

/// Which modes a base block can carry.
enum TimingLimits {
  private static let widths = 640...DetailedTiming.Limit.active
  private static let heights = 480...DetailedTiming.Limit.active
  private static let refreshRates = 30.0...240.0
  /// The range limits descriptor has 8 bits for kHz, and a flag that adds 255.
  private static let lineRate = 510_000.0

  /// A mode's timing.
  ///
  /// - Throws: `EDIDError.notCarried`.
  static func timing(
    _ mode: DisplayMode, size: PhysicalSize
  ) throws(EDIDError) -> DetailedTiming {
    if let reason = reason(against: mode) {
      throw .notCarried(mode, limit: reason, nearest: nearest(to: mode))
    }
    return ReducedBlanking.timing(mode, size: size)
  }

  private static func reason(against mode: DisplayMode) -> String? {
    if !widths.contains(mode.width) {
      return """
        a detailed timing descriptor has 12 bits for the width, and monitors begin at 640: \
        \(widths.lowerBound) to \(widths.upperBound) pixels
        """
    }
    if !heights.contains(mode.height) {
      return """
        a detailed timing descriptor has 12 bits for the height, and monitors begin at 480: \
        \(heights.lowerBound) to \(heights.upperBound) lines
        """
    }
    // Not a number is in no range.
    if !refreshRates.contains(mode.refreshRate) { return "the refresh rate is 30 to 240 Hz" }
    return timingReason(against: mode)
  }

  private static func timingReason(against mode: DisplayMode) -> String? {
    let timing = ReducedBlanking.timing(mode, size: PhysicalSize(width: 0, height: 0))
    if timing.pixelClock > DetailedTiming.Limit.pixelClock {
      let megahertz = Double(timing.pixelClock) / 100
      return "a pixel clock of \(megahertz) MHz, where a detailed timing descriptor has 655.35"
    }
    if timing.lineRate > lineRate {
      let kilohertz = Int((timing.lineRate / 1000).rounded(.up))
      return "\(kilohertz) kHz of lines, where a range limits descriptor has 510"
    }
    return nil
  }

  /// The size cut to what can be said, and then the highest rate up to the one asked for.
  private static func nearest(to mode: DisplayMode) -> DisplayMode {
    func candidate(hundredths: Int) -> DisplayMode {
      DisplayMode(
        width: mode.width.clamped(to: widths), height: mode.height.clamped(to: heights),
        refreshRate: Double(hundredths) / 100)
    }
    let asked = mode.refreshRate.isNaN ? 60 : mode.refreshRate.clamped(to: refreshRates)
    let exact = DisplayMode(
      width: candidate(hundredths: 0).width, height: candidate(hundredths: 0).height,
      refreshRate: asked)
    if timingReason(against: exact) == nil { return exact }
    // Every size can be had at 30 Hz, and clock and line rate only grow with the refresh rate.
    var (fits, fails) = (3000, Int((asked * 100).rounded(.up)))
    while fails - fits > 1 {
      let middle = (fits + fails) / 2
      if timingReason(against: candidate(hundredths: middle)) == nil {
        fits = middle
      } else {
        fails = middle
      }
    }
    return candidate(hundredths: fits)
  }
}

extension Comparable {
  fileprivate func clamped(to range: ClosedRange<Self>) -> Self {
    min(max(self, range.lowerBound), range.upperBound)
  }
}

/// Timings by VESA CVT 1.2, reduced blanking version 2: the least pixel clock that a mode can have.
enum ReducedBlanking {
  private static let horizontalBlanking = 80
  private static let horizontalFrontPorch = 8
  private static let horizontalSync = 32
  /// The least time between two pictures, in seconds.
  private static let minimumVerticalBlanking = 460e-6
  private static let verticalSync = 8
  private static let verticalBackPorch = 6
  private static let minimumVerticalFrontPorch = 1

  /// A mode's timing, the refresh rate as near as a pixel clock in steps of 10 kHz comes to it. It
  /// may be beyond what a descriptor holds.
  static func timing(_ mode: DisplayMode, size: PhysicalSize) -> DetailedTiming {
    let lineTime = (1 / mode.refreshRate - minimumVerticalBlanking) / Double(mode.height)
    let blanking = max(
      Int(minimumVerticalBlanking / lineTime) + 1,
      minimumVerticalFrontPorch + verticalSync + verticalBackPorch)
    // CVT gives the front porch all that the back porch does not need, and a descriptor has 6 bits
    // for it. What they do not hold goes to the back porch: the same blanking, the pulse earlier.
    let frontPorch = min(
      blanking - verticalSync - verticalBackPorch, DetailedTiming.Limit.verticalFrontPorch)
    let horizontal = DetailedTiming.Axis(
      active: mode.width, blanking: horizontalBlanking, frontPorch: horizontalFrontPorch,
      sync: horizontalSync)
    let vertical = DetailedTiming.Axis(
      active: mode.height, blanking: blanking, frontPorch: frontPorch, sync: verticalSync)
    let clock = mode.refreshRate * Double(horizontal.total) * Double(vertical.total) / 10_000
    return DetailedTiming(
      pixelClock: Int(clock.rounded()), horizontal: horizontal, vertical: vertical, size: size)
  }
}
