// SPDX-License-Identifier: Apache-2.0

import DMABuf
import LinuxSystem
import Testing
import VFIO
import VGPUDisplay

@testable import EGLPresenter

/// What is kept of a buffer to find out what changes in it.
@Suite struct PixelShadowTests {
  /// A picture in a buffer of this size; what of it is drawn into takes memory, and no more.
  private func buffer(
    _ width: UInt32, _ height: UInt32, stride: UInt32, size: Int, modifier: UInt64 = 0
  ) throws -> (plane: PlaneBuffer, memory: DMABuffer) {
    let memory = try DMABuffer.allocate(size: size, name: "shadow", udmabuf: "/nonexistent")
    let plane = GraphicsPlane(
      format: FourCC.xrgb8888.rawValue, modifier: modifier, width: width, height: height,
      stride: stride, size: .max, handle: 1)
    return (try PlaneBuffer(try PlaneInfo(checking: plane), buffer: memory), memory)
  }

  /// Whoever made the buffer says how far apart the lines are, and how large it is.
  @Test func keepsThePictureAndNotTheBuffer() throws {
    let (plane, memory) = try buffer(8, 1024, stride: 1 << 22, size: 1 << 32)
    let shadow = PixelShadow()
    #expect(try shadow.hasChanged(plane, epoch: 1))
    #expect(shadow.count == 8 * 1024, "a hash of each line")
    #expect(try !shadow.hasChanged(plane, epoch: 1))
    func write(_ offset: Int) throws {
      try memory.map(.readWrite).write { bytes throws(SystemCallError) in bytes[offset] &+= 1 }
    }
    try write(0)
    #expect(try shadow.hasChanged(plane, epoch: 1))
    // The last byte of the last line.
    try write(1023 << 22 + 31)
    #expect(try shadow.hasChanged(plane, epoch: 1))
    // Between two lines, which nobody sees.
    try write(32)
    #expect(try !shadow.hasChanged(plane, epoch: 1))
    #expect(try shadow.hasChanged(plane, epoch: 2), "drawn without being asked for")
  }

  @Test func linesWithoutGapsAndTilesAreComparedWhole() throws {
    for modifier in [FormatModifier.linear, .i915XTiled, .i915YTiled].map(\.rawValue) {
      let (plane, memory) = try buffer(512, 300, stride: 2048, size: 2048 * 300, modifier: modifier)
      let shadow = PixelShadow()
      #expect(try shadow.hasChanged(plane, epoch: 1))
      try memory.map(.readWrite).write { bytes throws(SystemCallError) in bytes[2048 * 300 - 1] = 9
      }
      #expect(try shadow.hasChanged(plane, epoch: 1))
      #expect(try !shadow.hasChanged(plane, epoch: 1))
    }
  }

  /// What changes: a rectangle of pixels, wherever it lies in the buffer.
  private func change(
    _ memory: DMABuffer, _ x: Int, _ y: Int, _ width: Int, _ height: Int, offset: (Int, Int) -> Int
  ) throws {
    try memory.map(.readWrite).write { bytes throws(SystemCallError) in
      for y in y..<y + height {
        for x in x..<x + width { bytes[offset(x, y)] &+= 1 }
      }
    }
  }

  /// A blinking text cursor is found by each sample, whatever is sampled then.
  @Test(arguments: [FormatModifier.linear, .i915XTiled])
  func aSampleFindsWhatIsSixteenLinesHigh(modifier: FormatModifier) throws {
    let (plane, memory) = try buffer(
      512, 304, stride: 2048, size: 2048 * 304, modifier: modifier.rawValue)
    func offset(_ x: Int, _ y: Int) -> Int {
      // An X tile has 8 lines of 512 bytes; four of them lie side by side here.
      modifier == .linear
        ? y * 2048 + x * 4 : (y / 8 * 4 + x / 128) * 4096 + y % 8 * 512 + x % 128 * 4
    }
    let shadow = PixelShadow()
    _ = try shadow.hasChanged(plane, epoch: 1)
    for step in 0..<120 {
      let place = (x: step * 37 % 512, y: step * 29 % (304 - 15))
      try change(memory, place.x, place.y, 1, 16, offset: offset)
      #expect(try shadow.hasChanged(plane, epoch: 1, .sample), "\(place)")
      #expect(try !shadow.hasChanged(plane, epoch: 1, .whole), "all of it is known again")
      #expect(try !shadow.hasChanged(plane, epoch: 1, .sample))
    }
  }

  @Test(arguments: [FormatModifier.linear, .i915XTiled, .i915YTiled])
  func samplesInTurnFindAnyPixel(modifier: FormatModifier) throws {
    let (plane, memory) = try buffer(
      512, 304, stride: 2048, size: 2048 * 304, modifier: modifier.rawValue)
    let shadow = PixelShadow()
    _ = try shadow.hasChanged(plane, epoch: 1)
    for step in 0..<64 {
      try change(memory, 0, 0, 1, 1) { _, _ in step * 9721 % (2048 * 304) }
      var samples = 1
      while try !shadow.hasChanged(plane, epoch: 1, .sample), samples < 17 { samples += 1 }
      #expect(samples <= 16)
    }
  }

  /// No screen is that large, and comparing would take longer than drawing.
  @Test func absurdPicturesCountAsChanged() throws {
    let (plane, _) = try buffer(16384, 16384, stride: 65536, size: 1 << 30)
    let shadow = PixelShadow()
    for _ in 0..<2 { #expect(try shadow.hasChanged(plane, epoch: 1)) }
    #expect(shadow.count == 0)
  }
}
