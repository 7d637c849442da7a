// SPDX-License-Identifier: Apache-2.0

/// A picture of which every pixel is known, with the number of its frame in it: what the synthetic
/// guest, the rig's guests and the benchmarks draw. `Rig/README.md` describes it for other
/// languages as "the frame code".
///
/// - The picture: red is `x & 255`, green `y & 255`, blue `(x ^ y ^ frame) & 255`. Only the live
///   part carries the frame's number; elsewhere `frame` counts as 0.
/// - Over it, except in a `spot`'s pattern, in the upper left corner, 32 blocks in a row are the number's bits, the highest first,
///   white for 1 and black for 0; a second row is its complement.
public struct TestPattern: Hashable, Sendable {
  /// Which part of the picture changes with each frame.
  public enum Live: String, CaseIterable, Sendable {
    /// A square in the lower right corner, a quarter of the shorter side wide.
    case box
    /// All of it.
    case full
    /// A square of 64 pixels in the middle, with the frame's number in its colours and nowhere else: the
    /// change of a blinking mark, whose cost must not grow with the picture.
    case spot
  }

  /// Width in pixels, more than zero.
  public let width: Int
  /// Height in pixels, more than zero.
  public let height: Int
  /// Which part of the picture changes with each frame.
  public let live: Live

  /// Makes a pattern for pictures of one size.
  public init(width: Int, height: Int, live: Live = .box) {
    self.width = max(1, width)
    self.height = max(1, height)
    self.live = live
  }

  /// The side of one of the number's blocks, in pixels.
  public var block: Int { max(1, min(16, width / 32)) }

  /// The side of the live square, in pixels.
  public var box: Int { min(width, height) / 4 }

  /// The columns and lines of the part that changes with each frame, but for the number.
  public var liveArea: (columns: Range<Int>, lines: Range<Int>) {
    switch live {
    case .full: (0..<width, 0..<height)
    case .box: (width - box..<width, height - box..<height)
    case .spot: (Self.middle(of: width), Self.middle(of: height))
    }
  }

  private static func middle(of length: Int) -> Range<Int> {
    let side = min(64, length)
    return (length - side) / 2..<(length - side) / 2 + side
  }

  /// The colour of a pixel in a frame, as XRGB8888 with the highest byte zero.
  public func color(x: Int, y: Int, frame: UInt32) -> UInt32 {
    if live != .spot, y < 2 * block, x < 32 * block {
      let bits = y < block ? frame : ~frame
      return bits >> (31 - UInt32(x / block)) & 1 == 1 ? 0xFFFFFF : 0
    }
    let area = liveArea
    let isLive = area.columns.contains(x) && area.lines.contains(y)
    return Self.color(x: UInt32(x), y: UInt32(y), frame: isLive ? frame : 0)
  }

  private static func color(x: UInt32, y: UInt32, frame: UInt32) -> UInt32 {
    (x & 255) << 16 | (y & 255) << 8 | (x ^ y ^ frame) & 255
  }

  /// Draws a frame into XRGB8888 memory.
  ///
  /// - Parameters:
  ///   - frame: the frame's number.
  ///   - memory: where the picture goes, its upper left pixel first.
  ///   - stride: bytes from one line to the next, at least `width * 4`; `memory` holds `height` of
  ///     them. Nothing is drawn where it does not fit.
  ///   - everything: also what is the same in every frame; else only what differs from one to the
  ///     next.
  public func draw(
    frame: UInt32, into memory: UnsafeMutableRawBufferPointer, stride: Int, everything: Bool
  ) {
    guard stride >= width * 4, memory.count >= (height - 1) * stride + width * 4 else { return }
    if everything, live != .full { fill(memory, stride, 0..<width, 0..<height, frame: 0) }
    let area = liveArea
    fill(memory, stride, area.columns, area.lines, frame: frame)
    if live != .spot { drawNumber(frame, memory, stride) }
  }

  private func fill(
    _ memory: UnsafeMutableRawBufferPointer, _ stride: Int, _ columns: Range<Int>,
    _ lines: Range<Int>, frame: UInt32
  ) {
    guard !columns.isEmpty else { return }
    for y in lines {
      let line = UnsafeMutableRawBufferPointer(
        rebasing: memory[y * stride + columns.lowerBound * 4..<y * stride + columns.upperBound * 4])
      line.withMemoryRebound(to: UInt32.self) { pixels in
        var x = UInt32(columns.lowerBound)
        for index in pixels.indices {
          pixels[index] = Self.color(x: x, y: UInt32(y), frame: frame)
          x &+= 1
        }
      }
    }
  }

  private func drawNumber(
    _ frame: UInt32, _ memory: UnsafeMutableRawBufferPointer, _ stride: Int
  ) {
    for y in 0..<min(2 * block, height) {
      for x in 0..<min(32 * block, width) {
        memory.storeBytes(
          of: color(x: x, y: y, frame: frame), toByteOffset: y * stride + x * 4, as: UInt32.self)
      }
    }
  }

  /// Reads the frame's number out of a picture: the middle of each block, bright for 1.
  ///
  /// - Parameter color: a pixel as XRGB8888.
  /// - Returns: `nil` when the two rows do not complement each other: the picture is no such
  ///   pattern, or shows parts of two frames.
  public func frameNumber(color: (_ x: Int, _ y: Int) -> UInt32) -> UInt32? {
    guard width >= 32 * block, height >= 2 * block else { return nil }
    let number = row(0, color)
    return row(1, color) == ~number ? number : nil
  }

  private func row(_ row: Int, _ color: (_ x: Int, _ y: Int) -> UInt32) -> UInt32 {
    (0..<32).reduce(0) { bits, index in
      let green = color(index * block + block / 2, row * block + block / 2) >> 8 & 255
      return bits << 1 | (green >= 128 ? 1 : 0)
    }
  }
}
