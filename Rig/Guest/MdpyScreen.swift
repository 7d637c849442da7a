// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import TestPatterns
import VFIO

/// Drives an mdpy device: one buffer of a fixed size in a region of the device.
final class MdpyScreen: Screen {
  let pattern: TestPattern
  private let owned: OwnedDevice
  private let memory: MappedMemory
  private let stride: Int
  private var isFirst = true

  init(_ owned: consuming OwnedDevice, live: TestPattern.Live) throws {
    let plane = try owned.device.displayDevice().query(.primary, .region)
    let region = try owned.device.regionInfo(plane.handle)
    memory = try owned.device.map(region, 0..<UInt64(plane.size), access: .readWrite)
    pattern = TestPattern(width: Int(plane.width), height: Int(plane.height), live: live)
    stride = Int(plane.stride)
    self.owned = owned
  }

  func show(_ frame: UInt32) throws {
    guard let bytes = memory.mutableBytes else { return }
    pattern.draw(frame: frame, into: bytes, stride: stride, everything: isFirst)
    isFirst = false
  }
}
