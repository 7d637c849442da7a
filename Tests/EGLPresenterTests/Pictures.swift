// SPDX-License-Identifier: Apache-2.0

import DMABuf
import EGLPresenter
import Glibc
import LinuxSystem
import Testing
import VFIO
import VGPUDisplay

/// A picture whose every pixel is known, in memory that the code under test is given.
final class Picture {
  let layout: ImageLayout
  let memory: DMABuf
  let buffer: PlaneBuffer
  private(set) var words: [UInt32]

  /// - Parameters:
  ///   - padding: bytes between a line's last pixel and the next line.
  ///   - asRegion: handed over as a mapped region instead of a dma-buf.
  init(
    _ fourCC: FourCC, _ width: Int, _ height: Int, padding: Int = 0, asRegion: Bool = false,
    seed: UInt32 = 1, modifier: FormatModifier = .linear
  ) throws {
    let format = try #require(PixelFormat(fourCC))
    let stride = try #require(format.lineBytes(width: width)) + padding
    memory = try DMABuf.allocate(size: stride * height, name: "picture \(fourCC)", udmabuf: "/none")
    let info = try PlaneInfo(
      checking: GraphicsPlane(
        format: fourCC.rawValue, modifier: modifier.rawValue, width: UInt32(width),
        height: UInt32(height), stride: UInt32(stride), size: UInt32(stride * height), x: 0, y: 0,
        hotspotX: 0, hotspotY: 0, handle: 0))
    layout = info.layout
    if asRegion {
      buffer = try PlaneBuffer(
        info,
        region: MappedMemory(
          memory.duplicate(), count: stride * height, access: .read, of: "region"))
    } else {
      buffer = try PlaneBuffer(info, buffer: memory)
    }
    words = []
    try fill(seed: seed)
  }

  /// Every pixel another value than with another seed.
  func fill(seed: UInt32) throws {
    var state = seed &* 2_654_435_761 | 1
    try fill(
      (0..<layout.width * layout.height).map { _ in
        state ^= state << 13
        state ^= state >> 17
        state ^= state << 5
        return state
      })
  }

  /// Writes these pixels, line after line, and 0xA5 between the lines.
  func fill(_ words: [UInt32]) throws {
    self.words = words
    let bytesPerPixel = layout.format.bitsPerPixel / 8
    let layout = layout
    try memory.map(.readWrite).write { bytes in
      for index in 0..<layout.stride * layout.height { bytes[index] = 0xA5 }
      for y in 0..<layout.height {
        for x in 0..<layout.width {
          let word = words[y * layout.width + x]
          for byte in 0..<bytesPerPixel {
            bytes[y * layout.stride + x * bytesPerPixel + byte] =
              UInt8(truncatingIfNeeded: word >> (8 * UInt32(byte)))
          }
        }
      }
    }
  }

  /// What must be seen of a pixel, straight from its bits: red, green, blue, alpha.
  func expected(_ x: Int, _ y: Int) -> [UInt8] {
    let word = words[y * layout.width + x]
    func bits(_ from: UInt32, _ count: UInt32) -> UInt8 {
      let most = UInt32(1) << count - 1
      let value = word >> from & most
      return UInt8((value * 255 * 2 + most) / (most * 2))
    }
    switch layout.format.fourCC {
    case .xrgb8888, .rgb888: return [bits(16, 8), bits(8, 8), bits(0, 8), 255]
    case .argb8888: return [bits(16, 8), bits(8, 8), bits(0, 8), bits(24, 8)]
    case .xbgr8888: return [bits(0, 8), bits(8, 8), bits(16, 8), 255]
    case .abgr8888: return [bits(0, 8), bits(8, 8), bits(16, 8), bits(24, 8)]
    case .rgb565: return [bits(11, 5), bits(5, 6), bits(0, 5), 255]
    case .xrgb2101010: return [bits(20, 10), bits(10, 10), bits(0, 10), 255]
    case .xbgr2101010: return [bits(0, 10), bits(10, 10), bits(20, 10), 255]
    default: return []
    }
  }

  /// The whole picture as it must be seen, opaque.
  var expected: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(layout.width * layout.height * 4)
    for y in 0..<layout.height {
      for x in 0..<layout.width { bytes += expected(x, y).prefix(3) + [255] }
    }
    return bytes
  }

  func frame(cursor: Cursor? = nil, flip: UInt64 = 1) -> Frame {
    Frame(primary: buffer, cursor: cursor, flip: flip, detectedAt: .now)
  }
}

/// The first difference between two pictures of bytes, for a message.
func difference(_ left: [UInt8], _ right: [UInt8], width: Int, tolerance: Int = 0) -> String? {
  if left.count != right.count { return "\(left.count) and \(right.count) bytes" }
  if tolerance == 0, left == right { return nil }
  for index in left.indices where abs(Int(left[index]) - Int(right[index])) > tolerance {
    let pixel = index / 4
    return
      "x \(pixel % width), y \(pixel / width), channel \(index % 4): \(left[index]), not \(right[index])"
  }
  return nil
}

/// Descriptors that this process holds.
func openDescriptors() -> Int {
  (0..<4096).count { fcntl(Int32($0), F_GETFD) >= 0 }
}

/// What this machine's EGL can do; the reason why a test cannot run is told with it.
enum Machine {
  static let capabilities: Capabilities? = try? RenderContext(.surfaceless).capabilities
  static var hasEGL: Bool { capabilities != nil }
  static var importsMemory: Bool {
    guard let capabilities else { return false }
    return capabilities.isSoftware && capabilities.importsModifiers
  }
  static let noEGL: Comment = "needs a surfaceless EGL display (libegl-mesa0)"
  static let noImport: Comment =
    "needs Mesa 24 or later with llvmpipe, which imports memory files: run under Rig/mesa-env"
}
