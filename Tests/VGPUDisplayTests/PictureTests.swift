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

  @Test func whatTheCPUCannotReadIsNamed() {
    #expect(throws: Picture.CopyError.tiled(.i915XTiled)) {
      try picture(.xrgb8888, [], modifier: .i915XTiled)
    }
    #expect(throws: Picture.CopyError.format(.yuyv)) { try picture(.yuyv, []) }
    #expect(throws: Picture.CopyError.format(.c8)) { try picture(.c8, []) }
  }
}
