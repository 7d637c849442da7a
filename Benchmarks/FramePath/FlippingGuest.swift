// SPDX-License-Identifier: Apache-2.0

import DMABuf
import LinuxSystem
import VFIO
import VGPUDisplay

/// A guest with three buffers and a pointer on a plane of its own.
final class FlippingGuest: PlaneProvider {
  let name = "flipping"
  private let buffers: [DMABuffer]
  private let isIdle: Bool
  private var step: UInt32 = 0

  private static let width: UInt32 = 1024
  private static let height: UInt32 = 768
  private static let cursor: UInt32 = 4

  init(isIdle: Bool) throws(SystemCallError) {
    self.isIdle = isIdle
    var buffers: [DMABuffer] = []
    for index in 1...4 {
      buffers.append(
        try DMABuffer.allocate(
          size: Int(Self.width * Self.height * 4), name: "flipping \(index)"))
    }
    self.buffers = buffers
  }

  /// No clock is read, because the kernel's work is not counted.
  static func now() -> MonotonicInstant { MonotonicInstant(nanoseconds: 1) }

  func transport() -> PlaneTransport? { .dmaBuf }

  func query(
    _ type: PlaneType, _ transport: PlaneTransport
  ) throws(VFIOError) -> GraphicsPlane {
    switch type {
    case .primary:
      if !isIdle { step = step == 2 ? 0 : step + 1 }
      return GraphicsPlane(
        format: FourCC.xrgb8888.rawValue, modifier: 0, width: Self.width, height: Self.height,
        stride: Self.width * 4, size: Self.width * 4 * Self.height, handle: step + 1)
    case .cursor:
      return GraphicsPlane(
        format: FourCC.argb8888.rawValue, modifier: 0, width: 64, height: 64, stride: 256,
        size: 64 * 256, x: step, y: step, hotspotX: 0, hotspotY: 0, handle: Self.cursor)
    }
  }

  func dmaBuf(_ id: UInt32) throws(VFIOError) -> OwnedFileDescriptor {
    do {
      return try buffers[Int(id) - 1].duplicate()
    } catch {
      throw .system(error)
    }
  }

  func mapPixels(
    inRegion index: UInt32, count: UInt64
  ) throws(VFIOError) -> MappedMemory {
    throw .unsupported(object: name, feature: "region \(index)")
  }
}
