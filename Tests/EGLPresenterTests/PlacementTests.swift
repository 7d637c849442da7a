// SPDX-License-Identifier: Apache-2.0

import EGLPresenter
import Testing
import VGPUDisplay

@Suite struct PlacementTests {
  static let guests = [
    PixelSize(width: 1, height: 1), PixelSize(width: 640, height: 480),
    PixelSize(width: 1023, height: 767), PixelSize(width: 1920, height: 1080),
    PixelSize(width: 1080, height: 1920), PixelSize(width: 16384, height: 1),
  ]

  @Test(arguments: guests, ScalingMode.allCases)
  func holdsEverywhere(guest: PixelSize, mode: ScalingMode) {
    for width in [1, 2, 63, 640, 641, 1024, 1919, 1920, 3840] {
      for height in [1, 2, 65, 480, 481, 1080, 1081, 2160] {
        let area = PixelSize(width: width, height: height)
        let placement = Placement(guest: guest, area: area, mode: mode)
        let picture = placement.picture
        #expect(picture.width >= 1 && picture.height >= 1)
        // Centred to the pixel.
        let left = picture.x
        let right = width - picture.x - picture.width
        #expect(right - left == 0 || right - left == 1)
        let above = picture.y
        let below = height - picture.y - picture.height
        #expect(below - above == 0 || below - above == 1)
        switch mode {
        case .fit:
          #expect(left >= 0 && right >= 0 && above >= 0 && below >= 0)
          #expect(picture.width == width || picture.height == height)
        case .fill:
          #expect(left <= 0 && right <= 0 && above <= 0 && below <= 0)
          #expect(picture.width == width || picture.height == height)
        case .oneToOne:
          #expect(picture.width == guest.width && picture.height == guest.height)
          #expect(placement.filter == .nearest && placement.isOneToOne)
        case .integer:
          #expect(left >= 0 && right >= 0 && above >= 0 && below >= 0)
          if guest.width <= width, guest.height <= height {
            #expect(placement.filter == .nearest)
            #expect(picture.width + guest.width > width || picture.height + guest.height > height)
          }
        }
        // The aspect ratio is kept to within a pixel.
        let exact = Double(picture.width) * Double(guest.height) / Double(guest.width)
        if picture.width > 1, picture.height > 1 {
          let exactWidth = Double(picture.height) * Double(guest.width) / Double(guest.height)
          #expect(
            abs(exact - Double(picture.height)) <= 0.5
              || abs(exactWidth - Double(picture.width)) <= 0.5)
        }
      }
    }
  }

  @Test func fits() {
    let guest = PixelSize(width: 640, height: 480)
    func picture(_ width: Int, _ height: Int, _ mode: ScalingMode) -> PixelRectangle {
      Placement(guest: guest, area: PixelSize(width: width, height: height), mode: mode).picture
    }
    #expect(picture(640, 480, .fit) == PixelRectangle(x: 0, y: 0, width: 640, height: 480))
    #expect(picture(1280, 720, .fit) == PixelRectangle(x: 160, y: 0, width: 960, height: 720))
    #expect(picture(1280, 720, .integer) == PixelRectangle(x: 320, y: 120, width: 640, height: 480))
    #expect(picture(1281, 961, .integer) == PixelRectangle(x: 0, y: 0, width: 1280, height: 960))
    #expect(picture(320, 400, .integer) == PixelRectangle(x: 0, y: 80, width: 320, height: 240))
    #expect(picture(601, 481, .oneToOne) == PixelRectangle(x: -20, y: 0, width: 640, height: 480))
    #expect(picture(1280, 480, .fill) == PixelRectangle(x: 0, y: -240, width: 1280, height: 960))
  }

  /// A part of the area shows what the whole would show there.
  @Test(arguments: ScalingMode.allCases)
  func partIsInPlace(mode: ScalingMode) {
    let whole = Placement(
      guest: PixelSize(width: 64, height: 48), area: PixelSize(width: 300, height: 100), mode: mode)
    let part = PixelRectangle(x: 100, y: 30, width: 120, height: 50)
    let seen = whole.inPart(part)
    #expect(seen.area == PixelSize(width: 120, height: 50))
    #expect(seen.filter == whole.filter && seen.guest == whole.guest)
    var back = seen.visible
    back.x += part.x
    back.y += part.y
    #expect(back == whole.visible.intersection(part))
  }

  @Test func filters() {
    let guest = PixelSize(width: 100, height: 50)
    func filter(_ width: Int, _ height: Int) -> Placement.Filter {
      Placement(guest: guest, area: PixelSize(width: width, height: height), mode: .fit).filter
    }
    #expect(filter(100, 50) == .nearest)
    #expect(filter(300, 150) == .nearest)
    #expect(filter(300, 151) == .nearest)
    #expect(filter(150, 75) == .linear)
    #expect(filter(50, 25) == .linear)
  }

  @Test func scalesCursors() {
    let guest = PixelSize(width: 100, height: 50)
    let twice = Placement(guest: guest, area: PixelSize(width: 220, height: 100), mode: .fit)
    #expect(
      twice.rectangle(ofGuest: PixelRectangle(x: -3, y: 49, width: 64, height: 64))
        == PixelRectangle(x: 4, y: 98, width: 128, height: 128))
    let larger = Placement(guest: guest, area: PixelSize(width: 150, height: 75), mode: .fit)
    // -4.5 and 1.5 are rounded upwards alike, so that neighbours share an edge.
    #expect(
      larger.rectangle(ofGuest: PixelRectangle(x: -3, y: 0, width: 4, height: 2))
        == PixelRectangle(x: -4, y: 0, width: 6, height: 3))
  }

  @Test func neighboursShareEdges() {
    for area in [PixelSize(width: 150, height: 75), PixelSize(width: 37, height: 20)] {
      let placement = Placement(
        guest: PixelSize(width: 100, height: 50), area: area, mode: .fit)
      for x in -5..<105 {
        let left = placement.rectangle(ofGuest: PixelRectangle(x: x, y: x, width: 1, height: 1))
        let right = placement.rectangle(
          ofGuest: PixelRectangle(x: x + 1, y: x + 1, width: 1, height: 1))
        #expect(left.x + left.width == right.x)
        #expect(left.y + left.height == right.y)
      }
    }
  }
}
