// SPDX-License-Identifier: Apache-2.0

import DMABuf
import VFIO
import VGPUDisplay

extension Target {
  /// What a guest's driver says of a plane, held against a buffer of another size, and the pixels that
  /// are then read.
  static let plane = Target(name: "plane") { bytes in
    var rest = bytes[...]
    func number<Number: FixedWidthInteger>(_: Number.Type = Number.self) -> Number {
      defer { rest = rest.dropFirst(Number.bitWidth / 8) }
      return rest.prefix(Number.bitWidth / 8).reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
    }
    let plane = GraphicsPlane(
      format: number(), modifier: number(), width: number(), height: number(), stride: number(),
      size: number(), x: number(), y: number(), hotspotX: number(), hotspotY: number(),
      handle: number())
    let size = Int(number(UInt16.self)) + 1
    guard !plane.isOff, let info = try? PlaneInfo(checking: plane),
      let buffer = try? DMABuffer.allocate(size: size, name: ""),
      let pixels = try? PlaneBuffer(info, buffer: buffer)
    else { return }
    precondition(info.end <= buffer.size)
    _ = try? Picture(copying: pixels)
  }
}
