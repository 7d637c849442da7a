// SPDX-License-Identifier: Apache-2.0

import TestPatterns
import VGPUDisplay

/// What the fixture's guest shows, computed anew.
struct FixturePicture {
  static let width = 640
  static let height = 480

  let hasCursor: Bool

  private func color(_ x: Int, _ y: Int) -> UInt32 {
    if hasCursor, (100..<116).contains(x), (60..<76).contains(y) { return 0xFF00FF }
    return Self.color(x, y)
  }

  /// A pixel without a pointer over it.
  static func color(_ x: Int, _ y: Int) -> UInt32 {
    UInt32(x & 255) << 16 | UInt32(y & 255) << 8 | UInt32((x >> 8) * 16 + (y >> 8) * 64)
  }

  /// Where in a larger picture it lies, pixel for pixel.
  func place(in picture: Picture) -> (x: Int, y: Int)? { Self.place(in: picture, of: color) }

  /// Where in a larger picture one of this size lies, pixel for pixel.
  static func place(
    in picture: Picture, of color: (_ x: Int, _ y: Int) -> UInt32
  ) -> (x: Int, y: Int)? {
    guard picture.width >= width, picture.height >= height else { return nil }
    for top in 0...picture.height - height {
      for left in 0...picture.width - width where isAt(left, top, picture, color) {
        return (left, top)
      }
    }
    return nil
  }

  /// What a picture has in place of a frame, for a test's message: the frame's number there, and which
  /// pixels are not those of the wanted frame.
  static func nearest(_ pattern: TestPattern, _ frame: UInt32, in picture: Picture?) -> String {
    guard let picture, picture.width >= width, picture.height >= height else { return "no picture" }
    for top in 0...picture.height - height {
      for left in 0...picture.width - width {
        // The line below the number, which each frame has.
        let line = 2 * pattern.block
        guard
          (0..<64).allSatisfy({ x in
            picture.color(x: left + x, y: top + line) == pattern.color(x: x, y: line, frame: frame)
          })
        else { continue }
        let number = pattern.frameNumber { picture.color(x: left + $0, y: top + $1) }
        let wrong = (0..<width * height).filter { index in
          let (x, y) = (index % width, index / width)
          return picture.color(x: left + x, y: top + y) != pattern.color(x: x, y: y, frame: frame)
        }
        let columns = wrong.map { $0 % width }
        return """
          frame \(number.map { "\($0)" } ?? "?") at \(left), \(top); \(wrong.count) pixels are wrong, in \
          columns \(columns.min() ?? 0) to \(columns.max() ?? 0) and lines \((wrong.first ?? 0) / width) to \
          \((wrong.last ?? 0) / width)
          """
      }
    }
    return "no such pattern"
  }

  private static func isAt(
    _ left: Int, _ top: Int, _ picture: Picture, _ color: (Int, Int) -> UInt32
  ) -> Bool {
    for y in 0..<height {
      for x in 0..<width where picture.color(x: left + x, y: top + y) != color(x, y) {
        return false
      }
    }
    return true
  }
}
