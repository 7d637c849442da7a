// SPDX-License-Identifier: Apache-2.0

import DMABuf
import LinuxSystem
import VFIO
import VGPUDisplay

/// A guest that flips at every look among buffers which all show the same, known picture; with one
/// buffer it never flips, and may draw into that.
final class SyntheticSource: FrameSource {
  let name = "synthetic"
  private(set) var counters = SourceCounters()
  private let frames: [Frame]
  private let begin = MonotonicInstant.now
  private let offBefore: Double
  private let offAfter: Double
  private let front: DMABuffer?
  private var drawsAt: Double?

  /// - Parameters:
  ///   - offBefore: seconds for which there is no picture at first.
  ///   - offAfter: seconds after which there is none any more.
  ///   - drawsAt: seconds after which the pointer's square is drawn into the first buffer.
  init(
    width: Int, height: Int, buffers: Int, hasCursor: Bool, offBefore: Double, offAfter: Double,
    drawsAt: Double?
  ) throws {
    self.drawsAt = drawsAt
    self.offBefore = offBefore
    self.offAfter = offAfter
    let pointer = try hasCursor ? Self.buffer(.argb8888, 16, 16) { _, _ in 0xFFFF_00FF } : nil
    frames = try (0..<buffers).map { index in
      let buffer = try Self.buffer(.xrgb8888, width, height, Self.pixel)
      let cursor = pointer.map { Cursor(buffer: $0, x: 100, y: 60, hotspot: nil) }
      return Frame(
        primary: buffer, cursor: cursor, flip: UInt64(index + 1), detectedAt: .now)
    }
    counters.gets = buffers
    front =
      if case .dmaBuf(let memory)? = frames.first?.primary.storage { memory } else { nil }
  }

  /// What the tests know as the pointer, drawn into the buffer that is shown.
  private func drawPointer() {
    drawsAt = nil
    guard let layout = frames.first?.primary.layout else { return }
    try? front?.map(.readWrite).write { bytes in
      for y in 60..<76 {
        for x in 100..<116 {
          bytes.storeBytes(
            of: 0xFF_00FF, toByteOffset: y * layout.stride + x * 4, as: UInt32.self)
        }
      }
    }
  }

  /// The known picture: every pixel of a screen another one. The tests compute it likewise.
  static func pixel(_ x: Int, _ y: Int) -> UInt32 {
    UInt32(x & 255) << 16 | UInt32(y & 255) << 8 | UInt32(((x >> 8) * 16 + (y >> 8) * 64) & 255)
  }

  private static func buffer(
    _ format: FourCC, _ width: Int, _ height: Int, _ pixel: (Int, Int) -> UInt32
  ) throws -> PlaneBuffer {
    let memory = try DMABuffer.allocate(size: width * height * 4, name: "synthetic")
    try memory.map(.readWrite).write { bytes in
      let words = bytes.bindMemory(to: UInt32.self)
      for y in 0..<height {
        for x in 0..<width { words[y * width + x] = pixel(x, y).littleEndian }
      }
    }
    let plane = GraphicsPlane(
      format: format.rawValue, modifier: 0, width: UInt32(width), height: UInt32(height),
      stride: UInt32(width * 4), size: UInt32(width * height * 4), x: 0, y: 0, hotspotX: 0,
      hotspotY: 0, handle: 1)
    return try PlaneBuffer(PlaneInfo(checking: plane), buffer: memory)
  }

  func poll() -> DisplayState {
    counters.queries += 1
    let elapsed = MonotonicInstant.now.seconds(since: begin)
    if elapsed < offBefore || elapsed >= offAfter { return .noPicture(.planeOff) }
    if let drawsAt, elapsed >= drawsAt { drawPointer() }
    if frames.count > 1 { counters.flips += 1 }
    return .frame(frames[counters.flips % frames.count])
  }
}
