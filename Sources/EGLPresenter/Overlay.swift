// SPDX-License-Identifier: Apache-2.0

public import VGPUDisplay

/// A small picture that is laid over a guest's, in the window's own pixels: it is not scaled.
public struct Overlay: Hashable, Sendable {
  /// Where it lies, in device pixels from the window's upper left corner.
  public let area: PixelRectangle
  /// Line after line from the top, without gaps: alpha in the highest byte, then red, green and
  /// blue, multiplied by alpha. That is cairo's ARGB32 and DRM's ARGB8888.
  public let pixels: [UInt32]

  /// Makes an overlay of its parts.
  ///
  /// - Returns: `nil` when the number of pixels is not the area's, or zero.
  public init?(area: PixelRectangle, pixels: [UInt32]) {
    let (count, isTooLarge) = area.width.multipliedReportingOverflow(by: area.height)
    guard area.width > 0, area.height > 0, !isTooLarge, pixels.count == count else { return nil }
    self.area = area
    self.pixels = pixels
  }
}
