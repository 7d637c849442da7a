// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LinuxSystem
import TestPatterns
import VFIO

/// Drives an mbochs device: the Bochs display interface, whose 16-bit registers begin at 0x500 in
/// BAR 2. The video memory is BAR 0.
final class MbochsScreen: Screen {
  let pattern: TestPattern
  private let owned: OwnedDevice
  private let registers: RegionInfo
  private let memory: MappedMemory
  private let buffers: Int
  /// The lines from the beginning of one buffer to the next.
  private let lines: Int
  private var drawn: Set<Int> = []

  private enum Register: UInt64 {
    case width = 1
    case height = 2
    case bitsPerPixel = 3
    case enable = 4
    case virtualWidth = 6
    case virtualHeight = 7
    case x = 8
    case y = 9
  }

  init(
    _ owned: consuming OwnedDevice, mode: (width: Int, height: Int), buffers: Int,
    live: TestPattern.Live
  ) throws {
    let videoMemory = try owned.device.regionInfo(PCIRegion.bar(0))
    let registers = try owned.device.regionInfo(PCIRegion.bar(2))
    let lines = Self.lines(of: mode)
    let fits = Int(videoMemory.size) / (mode.width * lines * 4)
    guard buffers > 0, fits >= buffers else {
      throw ValidationError("--buffers \(buffers): the video memory holds \(fits)")
    }
    pattern = TestPattern(width: mode.width, height: mode.height, live: live)
    memory = try owned.device.map(videoMemory, access: .readWrite)
    self.buffers = buffers
    self.lines = lines
    self.registers = registers
    self.owned = owned
    try set(.enable, 0)
    try set(.width, mode.width)
    try set(.height, mode.height)
    try set(.bitsPerPixel, 32)
    try set(.virtualWidth, mode.width)
    try set(.virtualHeight, lines * buffers)
    try set(.x, 0)
    try set(.y, 0)
  }

  /// At least the mode's lines, and enough more that each buffer begins on a page, because mbochs
  /// makes no dma-buf of another buffer.
  private static func lines(of mode: (width: Int, height: Int)) -> Int {
    (mode.height...).first { $0 * mode.width * 4 % 4096 == 0 } ?? mode.height
  }

  func show(_ frame: UInt32) throws {
    guard let bytes = memory.mutableBytes else { return }
    let index = Int(frame) % buffers
    let size = pattern.width * lines * 4
    let isFirst = drawn.isEmpty
    pattern.draw(
      frame: frame,
      into: UnsafeMutableRawBufferPointer(rebasing: bytes[index * size..<(index + 1) * size]),
      stride: pattern.width * 4, everything: drawn.insert(index).inserted)
    try set(.y, index * lines)
    // Enabled only now, so that nobody sees an empty screen.
    if isFirst { try set(.enable, 0x41) }
  }

  private func set(_ register: Register, _ value: Int) throws {
    try owned.device.write(registers, at: 0x500 + register.rawValue * 2, UInt16(value))
  }
}
