// SPDX-License-Identifier: Apache-2.0

import DMABuf
import LinuxSystem
import VGPUDisplay

/// A picture of QEMU's own screen, in memory that a renderer can import.
struct ScreenDump: Sendable {
  let info: PlaneInfo
  let buffer: DMABuffer
  /// Counts the pictures that differ from the one before, from 1.
  let number: UInt64
  let takenAt: MonotonicInstant
}

/// The memory for pictures, used in turn: somebody may still draw the last two.
struct ScreenDumpRing {
  private var info: PlaneInfo?
  private var buffers: [DMABuffer] = []
  private var number: UInt64 = 0

  static let count = 3

  mutating func write(_ picture: PortablePixmap) throws -> ScreenDump {
    let stride = picture.width * 4
    let size = stride * picture.height
    let info = try PlaneInfo(
      checking: ImageLayout(
        width: picture.width, height: picture.height, format: .xrgb8888, stride: stride))
    if info != self.info {
      buffers = []
      self.info = info
    }
    if buffers.count < Self.count {
      buffers.append(try DMABuffer.allocate(size: size, name: "boot screen"))
    } else {
      buffers.append(buffers.removeFirst())
    }
    let buffer = buffers[buffers.count - 1]
    try buffer.map(.readWrite).write { bytes throws(SystemCallError) in picture.write(to: bytes) }
    number += 1
    return ScreenDump(info: info, buffer: buffer, number: number, takenAt: .now)
  }
}
