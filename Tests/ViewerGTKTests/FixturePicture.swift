// SPDX-License-Identifier: Apache-2.0

import VGPUDisplay

/// What the fixture's guest shows, computed anew.
struct FixturePicture {
  static let width = 640
  static let height = 480

  let hasCursor: Bool

  private func color(_ x: Int, _ y: Int) -> UInt32 {
    if hasCursor, (100..<116).contains(x), (60..<76).contains(y) { return 0xFF00FF }
    return UInt32(x & 255) << 16 | UInt32(y & 255) << 8 | UInt32((x >> 8) * 16 + (y >> 8) * 64)
  }

  /// Where in a larger picture it lies, pixel for pixel.
  func place(in picture: Picture) -> (x: Int, y: Int)? {
    guard picture.width >= Self.width, picture.height >= Self.height else { return nil }
    for top in 0...picture.height - Self.height {
      for left in 0...picture.width - Self.width where isAt(left, top, picture) {
        return (left, top)
      }
    }
    return nil
  }

  private func isAt(_ left: Int, _ top: Int, _ picture: Picture) -> Bool {
    for y in 0..<Self.height {
      for x in 0..<Self.width where picture.color(x: left + x, y: top + y) != color(x, y) {
        return false
      }
    }
    return true
  }
}
