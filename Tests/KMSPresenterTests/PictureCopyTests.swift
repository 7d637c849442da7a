// SPDX-License-Identifier: Apache-2.0

import DMABuf
import EGLPresenter
import LinuxSystem
import Testing
import VGPUDisplay

@testable import KMSPresenter

/// Copies into a screen's memory, which any memory stands in for here.
struct PictureCopyTests {
  private static let screen = PixelSize(width: 8, height: 6)
  private static let stride = 40

  /// A picture that tells its own place in each pixel: line and column, from its upper left pixel.
  private func buffer(
    _ width: Int, _ height: Int, crop: PixelRectangle? = nil, isUpsideDown: Bool = false
  ) throws -> PlaneBuffer {
    let layout = ImageLayout(
      width: width, height: height, format: .xrgb8888, modifier: .linear, stride: width * 4 + 4)
    let memory = try DMABuffer.allocate(
      size: layout.stride * height, name: "test", udmabuf: "/none")
    try memory.map(.readWrite).write { bytes throws(SystemCallError) in
      for y in 0..<height {
        for x in 0..<width {
          bytes.storeBytes(
            of: UInt32((y + 1) << 8 | x + 1), toByteOffset: y * layout.stride + x * 4,
            as: UInt32.self)
        }
      }
    }
    let info = try PlaneInfo(checking: layout, crop: crop, isUpsideDown: isUpsideDown)
    return try PlaneBuffer(info, buffer: memory)
  }

  /// The screen's lines after a copy; untouched pixels are FFFF.
  private func copied(_ buffer: PlaneBuffer) throws -> [[UInt32]] {
    let placement = Placement(guest: buffer.size, area: Self.screen, mode: .oneToOne)
    var bytes = [UInt8](repeating: 0, count: Self.stride * Self.screen.height)
    for index in bytes.indices { bytes[index] = index % 4 < 2 ? 0xFF : 0 }
    try bytes.withUnsafeMutableBytes {
      try PictureCopy.draw(buffer, at: placement, on: $0, stride: Self.stride)
    }
    return bytes.withUnsafeBytes { bytes in
      (0..<Self.screen.height).map { y in
        (0..<Self.screen.width).map { x in
          bytes.load(fromByteOffset: y * Self.stride + x * 4, as: UInt32.self)
        }
      }
    }
  }

  @Test func aSmallPictureLiesInTheMiddle() throws {
    let lines = try copied(buffer(4, 2))
    let none: UInt32 = 0xFFFF
    let empty = [UInt32](repeating: none, count: 8)
    #expect(
      lines == [
        empty, empty, [none, none, 0x101, 0x102, 0x103, 0x104, none, none],
        [none, none, 0x201, 0x202, 0x203, 0x204, none, none], empty, empty,
      ])
  }

  @Test func ofALargePictureTheMiddleIsShown() throws {
    let lines = try copied(buffer(12, 10))
    #expect(lines[0] == (3...10).map { 0x300 | $0 })
    #expect(lines[5] == (3...10).map { 0x800 | $0 })
  }

  @Test func aPartThatLiesUpsideDown() throws {
    let part = PixelRectangle(x: 1, y: 2, width: 8, height: 6)
    let lines = try copied(buffer(12, 10, crop: part, isUpsideDown: true))
    #expect(lines[0] == (2...9).map { 0x800 | $0 })
    #expect(lines[5] == (2...9).map { 0x300 | $0 })
  }

  @Test(
    arguments: [
      (FourCC.rgb565, [0x00, 0xF8], UInt32(0xFF0000)), (.xbgr8888, [1, 2, 3, 9], 0x010203),
      (.argb8888, [1, 2, 3, 0], 0x030201), (.rgb888, [1, 2, 3], 0x030201),
    ] as [(FourCC, [UInt8], UInt32)])
  func otherFormatsAreConverted(format: FourCC, pixel: [UInt8], color: UInt32) throws {
    let memory = try DMABuffer.allocate(size: 4096, name: "test", udmabuf: "/none")
    try memory.map(.readWrite).write { bytes throws(SystemCallError) in
      bytes.copyBytes(from: pixel)
    }
    let layout = ImageLayout(
      width: 1, height: 1, format: try #require(PixelFormat(format)), modifier: .linear,
      stride: 16)
    let lines = try copied(
      PlaneBuffer(PlaneInfo(checking: layout), buffer: memory))
    #expect(lines[2][3] & 0xFFFFFF == color)
  }

  @Test func whatTheCPUCannotReadIsNamed() throws {
    let memory = try DMABuffer.allocate(size: 1 << 16, name: "test", udmabuf: "/none")
    func obstacle(_ format: FourCC, _ modifier: FormatModifier) throws -> String? {
      let layout = ImageLayout(
        width: 8, height: 8, format: try #require(PixelFormat(format)), modifier: modifier,
        stride: 512)
      return PictureCopy.obstacle(
        try PlaneBuffer(PlaneInfo(checking: layout), buffer: memory))
    }
    #expect(try obstacle(.xrgb8888, .linear) == nil)
    #expect(try obstacle(.xrgb8888, .i915XTiled)?.contains("I915_X_TILED") == true)
    #expect(try obstacle(.yuyv, .linear)?.contains("YUYV") == true)
  }
}
