// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import Testing
import VGPUDisplay

@testable import ViewerGTK

/// Units of GTK's and device pixels at the scales that desktops offer.
@Suite struct SurfaceScaleTests {
  private func scale(_ percent: Int) throws -> SurfaceScale {
    try #require(SurfaceScale(hundredTwentieths: UInt32(percent * 120 / 100)))
  }

  @Test func unitsThatAreWholePixels() throws {
    for (percent, unit, pixels) in [
      (100, 1, 1), (125, 4, 5), (150, 2, 3), (175, 4, 7), (200, 1, 2), (250, 2, 5),
    ] {
      let scale = try scale(percent)
      #expect(scale.unit == unit && scale.pixelsOfUnit == pixels, "\(percent) %")
      #expect(scale.whole == (percent % 100 == 0 ? percent / 100 : nil))
    }
    // GNOME's 133 %.
    let third = try #require(SurfaceScale(hundredTwentieths: 160))
    #expect(third.unit == 3 && third.pixelsOfUnit == 4)
    // No whole pixel for 120 units.
    let odd = try #require(SurfaceScale(hundredTwentieths: 121))
    #expect(odd.unit == 1 && odd.pixelsOfUnit == nil)
    for value: UInt32 in [0, 1, 59, 1921, .max] {
      #expect(SurfaceScale(hundredTwentieths: value) == nil)
    }
  }

  @Test func sizesAreRoundedAsCompositorsDo() throws {
    let scale = try scale(150)
    #expect([0, 1, 2, 3, 641, -1, -3].map(scale.pixels) == [0, 2, 3, 5, 962, -1, -4])
    #expect([1024, 1023, 1, 3, 4].map(scale.units(covering:)) == [684, 682, 2, 2, 4])
    #expect([0, 1, 2, 3, -1].map(scale.up) == [0, 2, 2, 4, 0])
    #expect([0, 1, 2, 3, -1].map(scale.down) == [0, 0, 2, 2, -2])
  }

  /// Whatever the widget's place: the surface lies within it, its edges are whole pixels, and a window
  /// that was made for a guest has all of its pixels.
  @Test(arguments: [100, 125, 133, 150, 175, 200, 225])
  func surfacesBeginAndEndAtWholePixels(percent: Int) throws {
    let scale = try #require(
      SurfaceScale(hundredTwentieths: percent == 133 ? 160 : UInt32(percent * 120 / 100)))
    let guest = PixelSize(width: 1024, height: 768)
    let room = 2 * (scale.unit - 1)
    for x in 0..<12 {
      for y in [0, 1, 37, 46] {
        let widget = SurfaceGeometry(
          x: x, y: y, width: scale.units(covering: guest.width) + room,
          height: scale.units(covering: guest.height) + room,
          visible: PixelRectangle(
            x: 0, y: 0, width: scale.units(covering: guest.width) + room,
            height: scale.units(covering: guest.height) + room))
        let surface = widget.scaled(by: scale)
        #expect(surface.x >= x && surface.x + surface.width <= x + widget.width)
        for edge in [surface.x, surface.x + surface.width, surface.y, surface.y + surface.height] {
          #expect((edge * scale.hundredTwentieths).isMultiple(of: 120), "\(x), \(y)")
        }
        let placement = Placement(
          guest: guest, area: surface.pixels, mode: .fit, slack: scale.slack)
        #expect(placement.isOneToOne, "\(surface.pixels) at \(x), \(y)")
        #expect(placement.visible == placement.picture)
        #expect(surface.part == surface.pixels.whole)
      }
    }
  }

  @Test func whatIsCutOffIsCutAtWholePixels() throws {
    let widget = SurfaceGeometry(
      x: 3, y: 5, width: 300, height: 200,
      visible: PixelRectangle(x: 11, y: 0, width: 100, height: 51))
    let surface = widget.scaled(by: try scale(150))
    #expect((surface.x, surface.y, surface.width, surface.height) == (4, 6, 298, 198))
    #expect(surface.visible == PixelRectangle(x: 10, y: 0, width: 100, height: 50))
    #expect(surface.part == PixelRectangle(x: 15, y: 0, width: 150, height: 75))
    var hidden = widget
    hidden.visible.width = 0
    #expect(!hidden.scaled(by: try scale(150)).isVisible)
  }

  @Test func aPointIsThePixelBelowIt() throws {
    let space = PixelSpace(scale: try scale(150), origin: (1, 2))
    let pixel = space.pixel(1 + 2.0 / 3, 2)
    #expect(abs(pixel.x - 1) < 1e-9 && pixel.y == 0)
  }
}
