// SPDX-License-Identifier: Apache-2.0

import CGTK3
import DMABuf
import EGLPresenter
import LinuxSystem
import Testing
import VGPUDisplay

@testable import ViewerGTK

/// The picture that GTK's thread draws, without a display.
@Suite struct CairoBoardTests {
  /// What the board paints on an area of its picture's size.
  static func painted(_ board: CairoBoard, _ size: PixelSize) throws -> [UInt32] {
    let image = try #require(CairoImage(CAIRO_FORMAT_RGB24, size.width, size.height))
    let context = try #require(cairo_create(image.surface))
    board.paint(context, in: PixelSpace())
    cairo_destroy(context)
    cairo_surface_flush(image.surface)
    var pixels: [UInt32] = []
    for y in 0..<size.height {
      let line = (image.data + y * image.stride).assumingMemoryBound(to: UInt32.self)
      for x in 0..<size.width { pixels.append(line[x] & 0xFF_FFFF) }
    }
    return pixels
  }

  /// A guest's picture, whose memory the test writes.
  struct Guest {
    let memory: DMABuffer
    let buffer: PlaneBuffer
    private let info: PlaneInfo

    init(crop: PixelRectangle? = nil, isUpsideDown: Bool = false, _ width: Int, _ height: Int)
      throws
    {
      info = try PlaneInfo(
        checking: ImageLayout(
          width: width, height: height, format: .xrgb8888, stride: width * 4 + 12, offset: 4),
        crop: crop, isUpsideDown: isUpsideDown)
      memory = try DMABuffer.allocate(size: info.end, name: "guest", udmabuf: "/none")
      buffer = try PlaneBuffer(info, buffer: memory)
    }

    /// Draws pixels of the picture, as they are seen.
    func draw(_ area: PixelRectangle, _ color: (Int, Int) -> UInt32) throws {
      let info = info
      try memory.map(.readWrite).write { bytes throws(SystemCallError) in
        for y in area.y..<area.y + area.height {
          let line = info.crop.y + (info.isUpsideDown ? info.crop.height - 1 - y : y)
          for x in area.x..<area.x + area.width {
            bytes.storeBytes(
              of: color(x, y),
              toByteOffset: 4 + line * info.layout.stride + (info.crop.x + x) * 4, as: UInt32.self)
          }
        }
      }
    }

    func frame(flip: UInt64 = 1) -> Frame {
      Frame(primary: buffer, cursor: nil, flip: flip, detectedAt: .now)
    }

    var all: PixelRectangle {
      PixelRectangle(x: 0, y: 0, width: info.size.width, height: info.size.height)
    }
    var placement: Placement { Placement(guest: info.size, area: info.size, mode: .oneToOne) }
  }

  static func color(_ x: Int, _ y: Int) -> UInt32 { UInt32(x << 16 | y << 8 | (x ^ y)) }

  @Test(arguments: [false, true])
  func partsAndUpsideDown(isUpsideDown: Bool) throws {
    let guest = try Guest(
      crop: PixelRectangle(x: 3, y: 5, width: 31, height: 17), isUpsideDown: isUpsideDown, 37, 29)
    try guest.draw(guest.all, Self.color)
    let board = CairoBoard()
    _ = try board.update(guest.frame(), guest.placement, nil)
    let size = PixelSize(width: 31, height: 17)
    let expected = (0..<31 * 17).map { Self.color($0 % 31, $0 / 31) }
    #expect(try Self.painted(board, size) == expected)
  }

  /// Only what a guest tells is copied and painted, and a picture of two buffers is right all the same.
  @Test(arguments: [1.0, 2.0, 1.3, 0.7], [false, true])
  func onlyChangesAreCopiedAndPainted(scale: Double, isUpsideDown: Bool) throws {
    let guests = try (0..<2).map { _ in try Guest(isUpsideDown: isUpsideDown, 61, 43) }
    let size = PixelSize(width: 61, height: 43)
    let area = PixelSize(width: Int(61 * scale), height: Int(43 * scale))
    let placement = Placement(guest: size, area: area, mode: .fit)
    let board = CairoBoard()
    var pixels = [UInt32](repeating: 0, count: 61 * 43)
    for guest in guests { try guest.draw(guest.all) { _, _ in 0 } }
    #expect(try board.update(guests[0].frame(), placement, nil, Damage()).changed == nil)
    var kept = try Self.painted(board, area)
    for number in 1...9 {
      let change = PixelRectangle(x: number * 5, y: number * 3, width: 7 + number, height: 5)
      let guest = guests[number % 2]
      for y in change.y..<change.y + change.height {
        for x in change.x..<change.x + change.width {
          pixels[y * 61 + x] = UInt32(number) &* 0x1F2F3F & 0xFF_FFFF
        }
      }
      try guest.draw(guest.all) { x, y in pixels[y * 61 + x] }
      let update = try board.update(guest.frame(), placement, nil, Damage(change))
      let changed = try #require(update.changed)
      let seen = try Self.painted(board, area)
      let whole = CairoBoard()
      _ = try whole.update(guest.frame(), placement, nil)
      #expect(try seen == Self.painted(whole, area), "frame \(number)")
      // What GTK does not paint stays as it was.
      for index in 0..<changed.count {
        let part = changed[index]
        for y in part.y..<part.y + part.height {
          for x in part.x..<part.x + part.width {
            kept[y * area.width + x] = seen[y * area.width + x]
          }
        }
      }
      #expect(kept == seen, "frame \(number)")
    }
  }

  @Test func afterAFailureOrAnotherSizeAllIsCopied() throws {
    let guest = try Guest(20, 10)
    try guest.draw(guest.all, Self.color)
    let board = CairoBoard()
    _ = try board.update(guest.frame(), guest.placement, nil, nil)
    #expect(try board.update(guest.frame(), guest.placement, nil, Damage()).changed == Damage())
    board.clear()
    #expect(try board.update(guest.frame(), guest.placement, nil, Damage()).changed == nil)
    let other = try Guest(21, 10)
    try other.draw(other.all, Self.color)
    #expect(try board.update(other.frame(), other.placement, nil, Damage()).changed == nil)
    let size = PixelSize(width: 21, height: 10)
    #expect(try Self.painted(board, size) == (0..<210).map { Self.color($0 % 21, $0 / 21) })
  }
}
