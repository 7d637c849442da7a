// SPDX-License-Identifier: Apache-2.0

import DMABuf
import LinuxSystem
import Testing
import VGPUDisplay

@Suite struct PictureTests {
  private func picture(
    _ format: FourCC, _ bytes: [UInt8], modifier: FormatModifier = .linear
  ) throws -> Picture {
    let buffer = try DMABuffer.allocate(size: 4096, name: "test")
    try buffer.map(.readWrite).write { memory throws(SystemCallError) in
      memory.copyBytes(from: bytes)
    }
    let info = try PlaneInfo(
      checking: plane(format, modifier: modifier, width: 1, height: 1, stride: 16, size: 16))
    return try Picture(copying: PlaneBuffer(info, buffer: buffer))
  }

  private static let colors: [(FourCC, [UInt8], [UInt8])] = [
    (.xrgb8888, [1, 2, 3, 255], [3, 2, 1]), (.argb8888, [1, 2, 3, 0], [3, 2, 1]),
    (.xbgr8888, [1, 2, 3, 255], [1, 2, 3]), (.abgr8888, [1, 2, 3, 9], [1, 2, 3]),
    (.rgb888, [1, 2, 3], [3, 2, 1]),
    (.rgb565, [0xFF, 0xFF], [255, 255, 255]), (.rgb565, [0x00, 0xF8], [255, 0, 0]),
    (.rgb565, [0xE0, 0x07], [0, 255, 0]), (.rgb565, [0x1F, 0x00], [0, 0, 255]),
    (.rgb565, [0x10, 0x84], [132, 130, 132]),
    (.xrgb2101010, [0xFF, 0x03, 0x00, 0x00], [0, 0, 255]),
    (.xrgb2101010, [0x00, 0x00, 0xF0, 0x3F], [255, 0, 0]),
    (.xbgr2101010, [0xFF, 0x03, 0x00, 0x00], [255, 0, 0]),
    (.xbgr2101010, [0x00, 0xFC, 0x0F, 0x00], [0, 255, 0]),
  ]

  @Test(arguments: colors)
  func coloursAreConverted(format: FourCC, bytes: [UInt8], rgb: [UInt8]) throws {
    #expect(try picture(format, bytes).rgb == rgb)
  }

  /// A part of a larger image with every pixel another one.
  @Test(arguments: [false, true], [FormatModifier.linear, .invalid])
  func partsAndUpsideDown(isUpsideDown: Bool, modifier: FormatModifier) throws {
    let layout = ImageLayout(
      width: 37, height: 29, format: .xrgb8888, modifier: modifier, stride: 160, offset: 12)
    let buffer = try DMABuffer.allocate(size: 12 + 160 * 29, name: "test", udmabuf: "/none")
    try buffer.map(.readWrite).write { memory throws(SystemCallError) in
      for y in 0..<29 {
        for x in 0..<37 {
          memory.storeBytes(
            of: UInt32(y << 8 | x), toByteOffset: 12 + y * 160 + x * 4, as: UInt32.self)
        }
      }
    }
    let info = try PlaneInfo(
      checking: layout, crop: PixelRectangle(x: 3, y: 5, width: 31, height: 17),
      isUpsideDown: isUpsideDown)
    let plane = try PlaneBuffer(info, buffer: buffer)
    #expect(plane.size == PixelSize(width: 31, height: 17) && !plane.isWhole)
    let picture = try Picture(copying: plane)
    #expect(picture.width == 31 && picture.height == 17)
    for y in 0..<17 {
      for x in 0..<31 {
        let line = isUpsideDown ? 5 + 16 - y : 5 + y
        #expect(picture.color(x: x, y: y) == UInt32(line << 8 | 3 + x))
      }
    }
    let part = plane.imageRectangle(of: PixelRectangle(x: 1, y: 2, width: 3, height: 4))
    #expect(part == PixelRectangle(x: 4, y: isUpsideDown ? 5 + 17 - 6 : 7, width: 3, height: 4))
  }

  @Test func whatTheCPUCannotReadIsNamed() {
    #expect(throws: Picture.CopyError.tiled(.i915XTiled)) {
      try picture(.xrgb8888, [], modifier: .i915XTiled)
    }
    #expect(throws: Picture.CopyError.format(.yuyv)) { try picture(.yuyv, []) }
    #expect(throws: Picture.CopyError.format(.c8)) { try picture(.c8, []) }
  }
}
