// SPDX-License-Identifier: Apache-2.0

import CAllocationCount
import DMABuf
import TestSupport
import Testing
import VGPUDisplay

@testable import EGLPresenter

@Suite(.serialized, .needs(Machine.egl, if: Machine.hasEGL))
struct OverlayTests {
  static let area = PixelSize(width: 96, height: 80)

  let renderer: FrameRenderer
  let frame: Frame
  let picture: Picture

  init() throws {
    renderer = try FrameRenderer(RenderContext(.surfaceless))
    picture = try Picture(.xrgb8888, 64, 48)
    frame = picture.frame()
  }

  private func pixels() throws -> PixelImage {
    try renderer.pixels(of: frame, area: Self.area, mode: .fit)
  }

  /// Premultiplied, from opaque to nothing.
  private func overlay(_ area: PixelRectangle, seed: UInt32 = 1) throws -> Overlay {
    let pixels = (0..<UInt32(area.width * area.height)).map { index -> UInt32 in
      let alpha = [255, 0, 128, 77][Int(index % 4)] as UInt32
      let colours = (UInt32(0)..<3).map { (index &* 37 &+ seed &* 11 &+ $0 &* 71) & 255 }
      return alpha << 24
        | colours.enumerated().map { $0.element * alpha / 255 << (UInt32($0.offset) * 8) }
        .reduce(0, |)
    }
    return try #require(Overlay(area: area, pixels: pixels))
  }

  private func expect(
    _ overlay: Overlay, over bare: PixelImage, location: SourceLocation = #_sourceLocation
  ) throws {
    let seen = try pixels()
    for y in 0..<seen.height {
      for x in 0..<seen.width {
        let index = (y * seen.width + x) * 4
        var expected = (0..<3).map { Int(bare.rgba[index + $0]) }
        let (column, row) = (x - overlay.area.x, y - overlay.area.y)
        var tolerance = 0
        if (0..<overlay.area.width).contains(column), (0..<overlay.area.height).contains(row) {
          let pixel = overlay.pixels[row * overlay.area.width + column]
          let alpha = Int(pixel >> 24)
          for channel in 0..<3 {
            let colour = Int(pixel >> (16 - UInt32(channel) * 8) & 255)
            expected[channel] = min(255, colour + (expected[channel] * (255 - alpha) + 127) / 255)
          }
          // GL may round a blend either way.
          tolerance = alpha == 0 || alpha == 255 ? 0 : 1
        }
        let isRight = (0..<3).allSatisfy {
          abs(Int(seen.rgba[index + $0]) - expected[$0]) <= tolerance
        }
        #expect(isRight, "x \(x), y \(y)", sourceLocation: location)
        if !isRight { return }
      }
    }
  }

  @Test(arguments: [
    PixelRectangle(x: 0, y: 0, width: 96, height: 80),
    PixelRectangle(x: 5, y: 7, width: 33, height: 21),
    PixelRectangle(x: 80, y: 70, width: 40, height: 40),
    PixelRectangle(x: -10, y: -4, width: 20, height: 20),
    PixelRectangle(x: 3, y: 2, width: 1, height: 1),
  ])
  func changesOnlyItsRectangle(area: PixelRectangle) throws {
    let bare = try pixels()
    renderer.overlay = try overlay(area)
    try expect(overlay(area), over: bare)
    renderer.overlay = nil
    #expect(try pixels().rgba == bare.rgba)
  }

  @Test func showsTheLastOne() throws {
    let bare = try pixels()
    let first = PixelRectangle(x: 1, y: 2, width: 30, height: 20)
    for (seed, area) in [
      (UInt32(1), first), (2, first), (3, PixelRectangle(x: 9, y: 9, width: 50, height: 10)),
    ] {
      renderer.overlay = try overlay(area, seed: seed)
      for _ in 0..<2 { try expect(overlay(area, seed: seed), over: bare) }
    }
  }

  @Test func isNotInAScreenshot() throws {
    renderer.overlay = try overlay(PixelRectangle(x: 0, y: 0, width: 30, height: 20))
    #expect(try renderer.pixels(of: frame).rgba == picture.expected)
  }

  @Test func isDrawnAfterACopyWithLongLines() throws {
    let bare = try pixels()
    renderer.overlay = try overlay(PixelRectangle(x: 4, y: 4, width: 31, height: 9))
    // The copy leaves GL with another row length.
    let padded = try Picture(.xrgb8888, 64, 48, padding: 256, asRegion: true)
    _ = try renderer.pixels(of: padded.frame())
    renderer.overlay = try overlay(PixelRectangle(x: 4, y: 4, width: 31, height: 9), seed: 2)
    try expect(
      overlay(PixelRectangle(x: 4, y: 4, width: 31, height: 9), seed: 2), over: bare)
  }

  @Test func refusesTheWrongNumberOfPixels() {
    let area = PixelRectangle(x: 0, y: 0, width: 2, height: 2)
    #expect(Overlay(area: area, pixels: [1, 2, 3]) == nil)
    #expect(Overlay(area: PixelRectangle(x: 0, y: 0, width: 0, height: 0), pixels: []) == nil)
    #expect(
      Overlay(area: PixelRectangle(x: 0, y: 0, width: -1, height: -1), pixels: [1]) == nil)
    #expect(
      Overlay(area: PixelRectangle(x: 0, y: 0, width: 1 << 62, height: 4), pixels: []) == nil)
  }
}
