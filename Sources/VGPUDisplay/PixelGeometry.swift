// SPDX-License-Identifier: Apache-2.0

/// A size in whole pixels.
public struct PixelSize: Hashable, Sendable {
  /// Pixels from left to right.
  public var width: Int
  /// Pixels from top to bottom.
  public var height: Int

  /// Makes a size from its two numbers.
  public init(width: Int, height: Int) {
    self.width = width
    self.height = height
  }

  /// Whether it has no pixel.
  public var isEmpty: Bool { width <= 0 || height <= 0 }

  /// All pixels of an area of this size.
  package var whole: PixelRectangle {
    PixelRectangle(x: 0, y: 0, width: width, height: height)
  }
}

/// A rectangle in whole pixels; y grows downwards.
public struct PixelRectangle: Hashable, Sendable {
  /// The left edge, in pixels.
  public var x: Int
  /// The upper edge, in pixels.
  public var y: Int
  /// Pixels from left to right.
  public var width: Int
  /// Pixels from top to bottom.
  public var height: Int

  /// Makes a rectangle from its four numbers.
  public init(x: Int, y: Int, width: Int, height: Int) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }

  /// The common part of this rectangle and `other`; its width or height is zero when they share no
  /// pixel.
  public func intersection(_ other: PixelRectangle) -> PixelRectangle {
    let left = max(x, other.x)
    let top = max(y, other.y)
    return PixelRectangle(
      x: left, y: top, width: max(0, min(x + width, other.x + other.width) - left),
      height: max(0, min(y + height, other.y + other.height) - top))
  }

  /// The smallest rectangle that holds this one and `other`.
  public func union(_ other: PixelRectangle) -> PixelRectangle {
    let left = min(x, other.x)
    let top = min(y, other.y)
    return PixelRectangle(
      x: left, y: top, width: max(x + width, other.x + other.width) - left,
      height: max(y + height, other.y + other.height) - top)
  }

  /// Whether no pixel of `other` lies outside.
  public func contains(_ other: PixelRectangle) -> Bool {
    other.x >= x && other.y >= y && other.x + other.width <= x + width
      && other.y + other.height <= y + height
  }

  /// Whether this rectangle has a pixel, and `whole` has all of its pixels; for any numbers.
  package func liesWithin(_ whole: PixelRectangle) -> Bool {
    x >= 0 && y >= 0 && width > 0 && height > 0 && width <= whole.width && height <= whole.height
      && x <= whole.width - width && y <= whole.height - height
  }
}
