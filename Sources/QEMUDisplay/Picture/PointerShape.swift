// SPDX-License-Identifier: Apache-2.0

import DMABuf
import LinuxSystem
import VGPUDisplay

/// A pointer's picture, in memory of this process.
final class PointerShape: Sendable {
  let info: PlaneInfo
  let buffer: DMABuffer
  let hotspot: (x: Int, y: Int)?

  /// - Throws: `DisplayDefect.noBuffer` when this process gets no memory.
  convenience init(_ pixels: SentPixels, _ hotspot: (x: Int, y: Int)?) throws(DisplayDefect) {
    try self.init(pixels.size, hotspot) { bytes in
      pixels.write(to: bytes, at: 0, distance: pixels.size.width * 4)
    }
  }

  private init(
    _ size: PixelSize, _ hotspot: (x: Int, y: Int)?,
    _ write: (UnsafeMutableRawBufferPointer) -> Void
  ) throws(DisplayDefect) {
    let made = try PictureBuffer.make(size, .argb8888, name: "pointer")
    do {
      try made.buffer.map(.readWrite).write { bytes throws(SystemCallError) in write(bytes) }
    } catch {
      throw .noBuffer("\(error)")
    }
    (info, buffer, self.hotspot) = (made.info, made.buffer, hotspot)
  }

  /// An arrow for a pointer whose look is not known yet: QEMU before 8.1 does not tell it to a client that
  /// comes after the guest has set it. `nil` when this process gets no memory.
  static let arrow: PointerShape? = {
    let size = PixelSize(width: art[0].count, height: art.count)
    return try? PointerShape(size, (0, 0)) { bytes in
      for (index, letter) in art.joined().enumerated() where index < bytes.count / 4 {
        let color: UInt32 =
          switch letter {
          case "#": 0xFF00_0000
          case ".": 0xFFFF_FFFF
          default: 0
          }
        bytes.storeBytes(of: color.littleEndian, toByteOffset: index * 4, as: UInt32.self)
      }
    }
  }()

  private static let art = [
    "#           ",
    "##          ",
    "#.#         ",
    "#..#        ",
    "#...#       ",
    "#....#      ",
    "#.....#     ",
    "#......#    ",
    "#.......#   ",
    "#........#  ",
    "#.........# ",
    "#......#####",
    "#...#..#    ",
    "#..##...#   ",
    "#.#  #..#   ",
    "##   #..#   ",
    "#     #..#  ",
    "      #..#  ",
    "       ##   ",
  ]
}
