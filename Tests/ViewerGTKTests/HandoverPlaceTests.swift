// SPDX-License-Identifier: Apache-2.0

import DMABuf
import EGLPresenter
import Testing
import VGPUDisplay

@testable import ViewerGTK

/// Where a compositor is told to show a guest's buffer.
@Suite struct HandoverPlaceTests {
  private func place(
    _ guest: (Int, Int), in area: (Int, Int), _ mode: ScalingMode,
    scale: SurfaceScale = SurfaceScale(whole: 1),
    canScale: Bool = true, of part: PicturePart? = nil
  ) -> HandoverPlace? {
    HandoverPlace(
      Placement(
        guest: PixelSize(width: guest.0, height: guest.1),
        area: PixelSize(width: area.0, height: area.1), mode: mode),
      of: part ?? PicturePart(x: 0, y: 0, isAll: true, isUpsideDown: false), scale: scale,
      canScale: canScale)
  }

  /// A picture of 320x240 pixels in an image that is larger.
  private func part(isUpsideDown: Bool) throws -> PicturePart {
    let layout = ImageLayout(width: 331, height: 255, format: .xrgb8888, stride: 331 * 4)
    let info = try PlaneInfo(
      checking: layout, crop: PixelRectangle(x: 4, y: 5, width: 320, height: 240),
      isUpsideDown: isUpsideDown)
    let memory = try DMABuffer.allocate(size: info.end, name: "picture")
    return PicturePart(try PlaneBuffer(info, buffer: memory))
  }

  /// wp_viewport.set_source counts in the image as it is after wl_surface.set_buffer_transform.
  @Test func partOfAnImage() throws {
    let upright = try part(isUpsideDown: false)
    let place = place((320, 240), in: (320, 240), .fit, of: upright)
    #expect(place?.area == PixelRectangle(x: 0, y: 0, width: 320, height: 240))
    #expect(
      place?.source == PixelRectangle(x: 4 * 256, y: 5 * 256, width: 320 * 256, height: 240 * 256))
    #expect(place?.isUpsideDown == false)
    #expect(self.place((320, 240), in: (320, 240), .fit, canScale: false, of: upright) == nil)
    let turned = try part(isUpsideDown: true)
    let upsideDown = self.place((320, 240), in: (200, 241), .oneToOne, of: turned)
    #expect(
      upsideDown?.source
        == PixelRectangle(x: 64 * 256, y: 10 * 256, width: 200 * 256, height: 240 * 256))
    #expect(upsideDown?.isUpsideDown == true)
  }

  /// At 150 % two units are three pixels.
  @Test func fractions() throws {
    let scale = try #require(SurfaceScale(hundredTwentieths: 180))
    let whole = place((1920, 1080), in: (1920, 1080), .fit, scale: scale)
    #expect(whole?.area == PixelRectangle(x: 0, y: 0, width: 1280, height: 720))
    #expect(whole?.source == nil)
    #expect(place((1920, 1080), in: (1920, 1080), .fit, scale: scale, canScale: false) == nil)
    let framed = place((300, 240), in: (360, 306), .oneToOne, scale: scale)
    #expect(framed?.area == PixelRectangle(x: 20, y: 22, width: 200, height: 160))
    #expect(place((320, 240), in: (360, 306), .oneToOne, scale: scale) == nil, "no whole units")
  }

  @Test func upsideDown() {
    let part = PicturePart(x: 0, y: 0, isAll: true, isUpsideDown: true)
    let place = place((321, 241), in: (321, 241), .fit, canScale: false, of: part)
    #expect(place?.source == nil && place?.isUpsideDown == true)
  }

  @Test func pixelByPixel() {
    let place = place((320, 240), in: (320, 240), .fit, canScale: false)
    #expect(place?.area == PixelRectangle(x: 0, y: 0, width: 320, height: 240))
    #expect(place?.source == nil)
  }

  @Test func inTheMiddle() {
    let place = place((320, 240), in: (401, 300), .oneToOne, canScale: false)
    #expect(place?.area == PixelRectangle(x: 40, y: 30, width: 320, height: 240))
  }

  @Test func scaled() {
    let place = place((320, 240), in: (500, 500), .fit)
    #expect(place?.area == PixelRectangle(x: 0, y: 62, width: 500, height: 375))
    #expect(place?.source == nil)
    #expect(self.place((320, 240), in: (500, 500), .fit, canScale: false) == nil)
  }

  @Test func cutOff() {
    let place = place((320, 240), in: (200, 241), .oneToOne)
    #expect(place?.area == PixelRectangle(x: 0, y: 0, width: 200, height: 240))
    #expect(place?.source == PixelRectangle(x: 60 * 256, y: 0, width: 200 * 256, height: 240 * 256))
    #expect(self.place((320, 240), in: (200, 241), .oneToOne, canScale: false) == nil)
  }

  @Test func wholeMultiplesStaySharp() {
    #expect(place((320, 240), in: (640, 480), .integer) == nil)
    #expect(place((320, 240), in: (640, 480), .fit) == nil)
  }

  @Test func unitsOfTwoPixels() {
    let place = place((320, 240), in: (400, 300), .oneToOne, scale: SurfaceScale(whole: 2))
    #expect(place?.area == PixelRectangle(x: 20, y: 15, width: 160, height: 120))
    let two = SurfaceScale(whole: 2)
    #expect(self.place((320, 240), in: (402, 300), .oneToOne, scale: two) == nil, "an edge at 20.5")
    #expect(self.place((320, 240), in: (400, 300), .oneToOne, scale: two, canScale: false) == nil)
  }

  /// A part that reaches beyond the buffer would end the connection.
  @Test func neverBeyondTheBuffer() throws {
    for (width, height) in [(1, 1), (320, 240), (1366, 768), (16384, 3)] {
      for area in [(1, 16384), (199, 77), (1920, 1081), (5000, 17)] {
        for mode in ScalingMode.allCases {
          guard let source = place((width, height), in: area, mode)?.source else { continue }
          #expect(source.x >= 0 && source.y >= 0 && source.width > 0 && source.height > 0)
          #expect(source.x + source.width <= width * 256)
          #expect(source.y + source.height <= height * 256)
        }
      }
    }
  }

  private func layout(_ fourCC: FourCC, _ modifier: FormatModifier = .linear) throws -> ImageLayout
  {
    ImageLayout(
      width: 8, height: 8, format: try #require(PixelFormat(fourCC)), modifier: modifier, stride: 32
    )
  }

  @Test func formatsThatTheCompositorNames() throws {
    var formats = CompositorFormats()
    #expect(formats.isEmpty)
    formats.add(.xrgb8888, .linear)
    formats.add(.xrgb8888, .i915XTiled)
    formats.add(.xbgr8888, .invalid)
    formats.add(.yuyv, .linear)
    #expect(formats.format(for: try layout(.xrgb8888)) == .xrgb8888)
    #expect(formats.format(for: try layout(.xrgb8888, .i915XTiled)) == .xrgb8888)
    #expect(formats.format(for: try layout(.argb8888)) == .xrgb8888, "a screen is opaque")
    #expect(formats.format(for: try layout(.xrgb8888, .i915YTiled)) == nil)
    #expect(formats.format(for: try layout(.xrgb8888, .invalid)) == nil)
    #expect(formats.format(for: try layout(.xbgr8888)) == nil, "named without a layout")
    #expect(formats.format(for: try layout(.yuyv)) == nil, "in colours that nobody has named")
  }
}
