// SPDX-License-Identifier: Apache-2.0

import DMABuf
import EGLPresenter
import Glibc
import LinuxSystem
import Testing
import VGPUDisplay

/// A picture whose every pixel is known, in memory that the code under test is given.
final class Picture {
  /// Pixels of the image around a picture that is a part of it.
  struct Margins: Sendable {
    var left = 0
    var top = 0
    var right = 0
    var bottom = 0
  }

  let layout: ImageLayout
  let size: PixelSize
  let memory: DMABuffer
  let buffer: PlaneBuffer
  private(set) var words: [UInt32]
  private let margins: Margins
  private let isUpsideDown: Bool

  /// - Parameters:
  ///   - padding: bytes between a line's last pixel and the next line.
  ///   - asRegion: handed over as a mapped region instead of a dma-buf.
  ///   - margins: the image around the picture, in lines of the memory.
  ///   - offset: bytes before the image.
  init(
    _ fourCC: FourCC, _ width: Int, _ height: Int, padding: Int = 0, asRegion: Bool = false,
    seed: UInt32 = 1, modifier: FormatModifier = .linear, margins: Margins = Margins(),
    offset: Int = 0, isUpsideDown: Bool = false
  ) throws {
    let format = try #require(PixelFormat(fourCC))
    let image = PixelSize(
      width: margins.left + width + margins.right, height: margins.top + height + margins.bottom)
    let stride = try #require(format.lineBytes(width: image.width)) + padding
    let bytes = offset + stride * image.height
    memory = try DMABuffer.allocate(size: bytes, name: "picture \(fourCC)", udmabuf: "/none")
    let info = try PlaneInfo(
      checking: ImageLayout(
        width: image.width, height: image.height, format: format, modifier: modifier,
        stride: stride, offset: offset),
      crop: PixelRectangle(x: margins.left, y: margins.top, width: width, height: height),
      isUpsideDown: isUpsideDown)
    layout = info.layout
    size = info.size
    self.margins = margins
    self.isUpsideDown = isUpsideDown
    if asRegion {
      buffer = try PlaneBuffer(
        info,
        region: MappedMemory(
          memory.duplicate(), count: bytes, access: .read, of: "region"))
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
      (0..<size.width * size.height).map { _ in
        state ^= state << 13
        state ^= state >> 17
        state ^= state << 5
        return state
      })
  }

  /// Writes these pixels, line after line as they are seen, and 0xA5 everywhere else.
  func fill(_ words: [UInt32]) throws {
    self.words = words
    let bytesPerPixel = layout.format.bitsPerPixel / 8
    let (layout, size, margins, isUpsideDown) = (layout, size, margins, isUpsideDown)
    try memory.map(.readWrite).write { bytes in
      guard let start = bytes.baseAddress else { return }
      memset(start, 0xA5, bytes.count)
      for y in 0..<size.height {
        let line = margins.top + (isUpsideDown ? size.height - 1 - y : y)
        let first = start + (layout.planes.first?.offset ?? 0) + line * layout.stride
        for x in 0..<size.width {
          // Little-endian, as DRM's formats are.
          withUnsafeBytes(of: words[y * size.width + x].littleEndian) {
            guard let word = $0.baseAddress else { return }
            memcpy(first + (margins.left + x) * bytesPerPixel, word, bytesPerPixel)
          }
        }
      }
    }
  }

  /// What must be seen of a pixel, straight from its bits: red in the lowest byte, then green,
  /// blue and alpha.
  private func packed(_ word: UInt32) -> UInt32 {
    func bits(_ from: UInt32, _ count: UInt32) -> UInt32 {
      let most = UInt32(1) << count - 1
      let value = word >> from & most
      return count == 8 ? value : (value * 255 * 2 + most) / (most * 2)
    }
    func pack(_ red: UInt32, _ green: UInt32, _ blue: UInt32, _ alpha: UInt32 = 255) -> UInt32 {
      red | green << 8 | blue << 16 | alpha << 24
    }
    switch layout.format.fourCC {
    case .xrgb8888, .rgb888: return pack(bits(16, 8), bits(8, 8), bits(0, 8))
    case .argb8888: return pack(bits(16, 8), bits(8, 8), bits(0, 8), bits(24, 8))
    case .xbgr8888: return pack(bits(0, 8), bits(8, 8), bits(16, 8))
    case .abgr8888: return pack(bits(0, 8), bits(8, 8), bits(16, 8), bits(24, 8))
    case .rgb565: return pack(bits(11, 5), bits(5, 6), bits(0, 5))
    case .xrgb2101010: return pack(bits(20, 10), bits(10, 10), bits(0, 10))
    case .xbgr2101010: return pack(bits(0, 10), bits(10, 10), bits(20, 10))
    default: return 0
    }
  }

  /// What must be seen of a pixel: red, green, blue, alpha.
  func expected(_ x: Int, _ y: Int) -> [UInt8] {
    let pixel = packed(words[y * size.width + x])
    return (0..<4).map { UInt8(truncatingIfNeeded: pixel >> ($0 * 8)) }
  }

  /// The whole picture as it must be seen, opaque.
  var expected: [UInt8] {
    let pixels = words.map { (packed($0) | 0xFF00_0000).littleEndian }
    return pixels.withUnsafeBytes { [UInt8]($0) }
  }

  /// How far off a byte may be: GL leaves it to the renderer how 5, 6 or 10 bits are rounded to 8.
  var tolerance: Int {
    switch layout.format.fourCC {
    case .rgb565, .xrgb2101010, .xbgr2101010: 1
    default: 0
    }
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
    let place = "x \(pixel % width), y \(pixel / width), channel \(index % 4)"
    return "\(place): \(left[index]), not \(right[index])"
  }
  return nil
}

/// Descriptors of this suite's buffers and of GPUs that this process holds; suites that run meanwhile
/// hold others.
func openDescriptors() -> Int {
  (0..<4096).count { number in
    var path = [CChar](repeating: 0, count: 256)
    let length = readlink("/proc/self/fd/\(number)", &path, 255)
    guard length > 0 else { return false }
    let target = String(decoding: path.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
    return ["/memfd:picture", "/dev/dri/"].contains { target.hasPrefix($0) }
  }
}

/// What this machine's EGL can do; the reason why a test cannot run is told with it.
enum Machine {
  static let capabilities: Capabilities? = try? RenderContext(.surfaceless).capabilities
  static var hasEGL: Bool { capabilities != nil }
  static var importsMemory: Bool {
    guard let capabilities else { return false }
    return capabilities.isSoftware && capabilities.importsModifiers
  }
  static let egl = "a surfaceless EGL display (libegl-mesa0)"
  static let imports =
    "Mesa 24 or later with llvmpipe, which imports memory files: run under Rig/mesa-env"
}
