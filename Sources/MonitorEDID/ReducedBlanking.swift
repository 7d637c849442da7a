// SPDX-License-Identifier: Apache-2.0

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
