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
    // The same image as another process describes it: a part of it, any way up, with more planes.
    func short() -> Int { Int(number(Int16.self)) }
    var layout = info.layout
    for index in layout.planes.indices { layout.planes[index].offset = short() }
    if number(UInt8.self) == 1 {
      layout.planes.append(ImageLayout.Plane(offset: short(), stride: short()))
    }
    let crop = PixelRectangle(x: short(), y: short(), width: short(), height: short())
    guard
      let part = try? PlaneInfo(
        checking: layout, crop: crop, isUpsideDown: number(UInt8.self) & 1 == 1),
      let plane = try? PlaneBuffer(part, buffer: buffer)
    else { return }
    precondition(
      part.end <= buffer.size && plane.lines.map { $0.bytes.upperBound <= buffer.size } ?? true)
    _ = try? Picture(copying: plane)
  }
}
