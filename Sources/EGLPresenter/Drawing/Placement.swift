// SPDX-License-Identifier: Apache-2.0

import DMABuf
public import VGPUDisplay

/// The rule that sizes a guest's picture to the area that shows it. Every rule keeps the aspect
/// ratio.
public enum ScalingMode: String, CaseIterable, Hashable, Sendable {
  /// As large as the area allows without cutting anything off.
  case fit
  /// The largest whole multiple that fits, so that all pixels are equally large and sharp; like
  /// `fit` when the area is smaller than the picture.
  case integer
  /// One device pixel for each pixel of the guest, cut off at the edges when the area is smaller.
  case oneToOne = "1:1"
  /// Covers the whole area, cut off at two edges when the aspect ratios differ.
  case fill
}

/// The place of a guest's picture in an area of device pixels. It is pure arithmetic. The picture
/// is centred, and the rest of the area is black.
public struct Placement: Hashable, Sendable {
  /// The rule for a colour between the guest's pixels.
  public enum Filter: Hashable, Sendable {
    /// The nearest pixel of the guest.
    case nearest
    /// A mixture of the nearest four pixels.
    case linear
  }

  /// The guest's picture in its own pixels.
  public let guest: PixelSize
  /// The area in device pixels.
  public let area: PixelSize
  /// The place of the whole picture. It reaches beyond the area when the picture is cut off.
  public let picture: PixelRectangle

  /// Places a picture. Sizes are at least one pixel; smaller ones count as one.
  ///
  /// - Parameters:
  ///   - guest: the picture's size in its own pixels.
  ///   - area: the area's size in device pixels.
  ///   - mode: the rule for the picture's size.
  ///   - slack: the device pixels by which the area may be larger than the picture in both
  ///     directions while `fit` still shows it pixel for pixel.
  public init(guest: PixelSize, area: PixelSize, mode: ScalingMode, slack: Int = 0) {
    let guest = PixelSize(width: max(1, guest.width), height: max(1, guest.height))
    let area = PixelSize(width: max(1, area.width), height: max(1, area.height))
    let isNear =
      mode == .fit && slack > 0 && (0...slack).contains(area.width - guest.width)
      && (0...slack).contains(area.height - guest.height)
    let size = Self.size(guest, area, isNear ? .oneToOne : mode)
    self.guest = guest
    self.area = area
    // A shift rounds down for negative numbers too, so that an area that grows by one pixel never
    // moves the picture by more than one pixel.
    picture = PixelRectangle(
      x: (area.width - size.width) >> 1, y: (area.height - size.height) >> 1, width: size.width,
      height: size.height)
  }

  private init(guest: PixelSize, area: PixelSize, picture: PixelRectangle) {
    self.guest = guest
    self.area = area
    self.picture = picture
  }

  /// The same picture's place in a part of the area, counted from the part's upper left corner.
  package func inPart(_ part: PixelRectangle) -> Placement {
    Placement(
      guest: guest, area: PixelSize(width: part.width, height: part.height),
      picture: PixelRectangle(
        x: picture.x - part.x, y: picture.y - part.y, width: picture.width,
        height: picture.height))
  }

  private static func size(
    _ guest: PixelSize, _ area: PixelSize, _ mode: ScalingMode
  ) -> PixelSize {
    let whole = min(area.width / guest.width, area.height / guest.height)
    switch mode {
    case .oneToOne:
      return guest
    case .integer where whole >= 1:
      return PixelSize(width: guest.width * whole, height: guest.height * whole)
    case .fit, .integer:
      return scaled(
        guest, area, byWidth: area.width * guest.height <= area.height * guest.width)
    case .fill:
      return scaled(
        guest, area, byWidth: area.width * guest.height >= area.height * guest.width)
    }
  }

  /// The guest's size scaled to the area's width or height.
  private static func scaled(_ guest: PixelSize, _ area: PixelSize, byWidth: Bool) -> PixelSize {
    byWidth
      ? PixelSize(
        width: area.width, height: max(1, rounded(guest.height * area.width, by: guest.width)))
      : PixelSize(
        width: max(1, rounded(guest.width * area.height, by: guest.height)), height: area.height)
  }

  /// `value / divisor`, halves rounded up, for negative values too.
  private static func rounded(_ value: Int, by divisor: Int) -> Int {
    let (quotient, remainder) = (2 * value + divisor).quotientAndRemainder(dividingBy: 2 * divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }

  /// Device pixels per guest pixel.
  public var scale: Double { Double(picture.width) / Double(guest.width) }

  /// One device pixel shows one guest pixel.
  public var isOneToOne: Bool {
    picture.width == guest.width && picture.height == guest.height
  }

  /// Nearest for whole multiples, because those are exact, and linear otherwise.
  public var filter: Filter {
    picture.width % guest.width == 0 && picture.height % guest.height == 0
      && picture.width / guest.width == picture.height / guest.height ? .nearest : .linear
  }

  /// The part of the picture that is inside the area.
  public var visible: PixelRectangle {
    picture.intersection(area.whole)
  }

  /// The place in the area of a rectangle of the guest's pixels, such as a cursor's. Its edges are
  /// those of the pixels beneath it.
  public func rectangle(ofGuest rectangle: PixelRectangle) -> PixelRectangle {
    let left = Self.rounded(rectangle.x * picture.width, by: guest.width)
    let right = Self.rounded((rectangle.x + rectangle.width) * picture.width, by: guest.width)
    let top = Self.rounded(rectangle.y * picture.height, by: guest.height)
    let bottom = Self.rounded((rectangle.y + rectangle.height) * picture.height, by: guest.height)
    return PixelRectangle(
      x: picture.x + left, y: picture.y + top, width: right - left, height: bottom - top)
  }

  /// The place in the area of a guest's pointer.
  package func rectangle(of cursor: Cursor) -> PixelRectangle {
    let size = cursor.buffer.size
    return rectangle(
      ofGuest: PixelRectangle(x: cursor.x, y: cursor.y, width: size.width, height: size.height))
  }

  /// The place of a point of the area on the guest's screen, from 0 at its left and upper edge to
  /// `maximum` at its right and lower one; a point beside the picture counts as its nearest edge.
  public func position(
    atX x: Double, y: Double, maximum: Int
  ) -> (x: Int, y: Int) {
    func position(_ offset: Double, of length: Int) -> Int {
      let steps = offset / Double(length) * Double(maximum + 1)
      // A coordinate that is not a number counts as the edge too.
      return steps >= 1 ? Int(min(steps, Double(maximum))) : 0
    }
    return (
      position(x - Double(picture.x), of: picture.width),
      position(y - Double(picture.y), of: picture.height)
    )
  }
}
