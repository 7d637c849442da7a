// SPDX-License-Identifier: Apache-2.0

import CGTK3

/// Device pixels of a unit of GTK's: a whole number, or any number of 120ths as a compositor tells it
/// (`wp_fractional_scale_v1`).
struct SurfaceScale: Hashable, Sendable {
  /// 120 for one device pixel of a unit.
  let hundredTwentieths: Int

  /// The scales that are believed: from a half to 16.
  private static let possible = 60...1920
  /// The most units that are given up at an edge for the sake of whole device pixels.
  private static let mostUnits = 12

  /// GTK's own for a widget, which is whole (gtk_widget_get_scale_factor).
  @MainActor
  init(ofToolkitFor widget: UnsafeMutablePointer<GtkWidget>) {
    self.init(whole: Int(gtk_widget_get_scale_factor(widget)))
  }

  /// A whole scale.
  init(whole: Int) { hundredTwentieths = 120 * min(max(1, whole), 16) }

  /// `nil` for a scale that no screen has.
  init?(hundredTwentieths: UInt32) {
    let value = Int(hundredTwentieths)
    guard Self.possible.contains(value) else { return nil }
    self.hundredTwentieths = value
  }

  /// The same as one number.
  var factor: Double { Double(hundredTwentieths) / 120 }

  /// The whole number, if it is one.
  var whole: Int? {
    hundredTwentieths.isMultiple(of: 120) ? hundredTwentieths / 120 : nil
  }

  /// The fewest units that are whole device pixels: 2 at 150 %, 4 at 125 %. 1 when there are so many
  /// that they are not worth it.
  var unit: Int {
    var (a, b) = (120, hundredTwentieths)
    while b != 0 { (a, b) = (b, a % b) }
    let units = 120 / a
    return units <= Self.mostUnits ? units : 1
  }

  /// The device pixels of `unit`, when these are whole.
  var pixelsOfUnit: Int? {
    (unit * hundredTwentieths).isMultiple(of: 120) ? unit * hundredTwentieths / 120 : nil
  }

  /// The device pixels by which an area may be larger than a guest that fits it: what a window has more
  /// than its picture needs, for the sake of whole pixels at the edges.
  var slack: Int { whole == nil ? 2 * (pixelsOfUnit ?? 1) : 0 }

  /// The device pixels of some units, rounded as a compositor rounds a buffer's size.
  func pixels(_ units: Int) -> Int {
    let (product, overflows) = units.multipliedReportingOverflow(by: hundredTwentieths)
    guard !overflows, product < .max - 60 else { return 120 * (units / 120) }
    return floored(product + 60, by: 120)
  }

  /// The fewest units, whole device pixels, that have at least so many device pixels.
  func units(covering pixels: Int) -> Int {
    let needed = (min(pixels, 1 << 32) * 120 + hundredTwentieths - 1) / hundredTwentieths
    return up(needed)
  }

  /// The next place from here on that is a whole device pixel.
  func up(_ units: Int) -> Int { floored(units + unit - 1, by: unit) * unit }

  /// The last place up to here that is a whole device pixel.
  func down(_ units: Int) -> Int { floored(units, by: unit) * unit }

  private func floored(_ value: Int, by divisor: Int) -> Int {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}

/// Where a widget's device pixels are that the picture is placed in.
struct PixelSpace: Equatable, Sendable {
  /// Device pixels of a unit.
  var scale = SurfaceScale(whole: 1)
  /// The place of the first pixel, in GTK's units from the widget's upper left corner.
  var origin = (x: 0, y: 0)

  /// The device pixel below a place in the widget's own units.
  func pixel(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
    ((x - Double(origin.x)) * scale.factor, (y - Double(origin.y)) * scale.factor)
  }

  static func == (left: PixelSpace, right: PixelSpace) -> Bool {
    left.scale == right.scale && left.origin == right.origin
  }
}
