// SPDX-License-Identifier: Apache-2.0

public import VGPUDisplay

extension Picture {
  /// Whether another picture lies somewhere in this one, pixel for pixel.
  public func contains(_ other: Picture) -> Bool {
    guard width >= other.width, height >= other.height else { return false }
    // Rows are compared from where the guest drew something, so that black on black costs little.
    guard
      let row = (0..<other.height).first(where: { y in
        (0..<other.width).contains { other.color(x: $0, y: y) != 0 }
      })
    else { return false }
    return (0...height - other.height).contains { top in
      (0...width - other.width).contains { left in
        isSame(other, row, left, top)
          && (0..<other.height).allSatisfy { isSame(other, $0, left, top) }
      }
    }
  }

  private func isSame(_ other: Picture, _ y: Int, _ left: Int, _ top: Int) -> Bool {
    let mine = ((top + y) * width + left) * 3
    let theirs = y * other.width * 3
    return rgb[mine..<mine + other.width * 3].elementsEqual(
      other.rgb[theirs..<theirs + other.width * 3])
  }
}
