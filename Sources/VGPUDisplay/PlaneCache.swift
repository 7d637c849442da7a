// SPDX-License-Identifier: Apache-2.0

import VFIO

/// The buffers that a guest has shown, by the driver's description of them.
///
/// Drivers reuse ids, so an id alone proves nothing. A driver cannot reuse an id while this process
/// holds the buffer's descriptor. If the id comes with another geometry all the same, it belongs to
/// another buffer, and the old one is dropped.
struct PlaneCache {
  /// Guests flip among two or three buffers; a mode set adds as many. Descriptors are cheap, and
  /// the memory is the guest's. The bound is for a guest that shows new buffers for ever.
  static let capacity = 32

  /// The part of a driver's answer that identifies a buffer: everything except a cursor's position.
  private struct Key: Equatable {
    let handle: UInt32
    let format: UInt32
    let width: UInt32
    let height: UInt32
    let stride: UInt32
    let size: UInt32
    let modifier: UInt64

    init(_ plane: GraphicsPlane) {
      handle = plane.handle
      format = plane.format
      width = plane.width
      height = plane.height
      stride = plane.stride
      size = plane.size
      modifier = plane.modifier
    }
  }

  private var buffers = RecencyTable<Key, PlaneBuffer>(capacity: Self.capacity)

  var count: Int { buffers.count }

  /// The buffer of a plane; `nil` when none is known, or its memory went away. Then an old buffer
  /// with the same id is dropped, and the caller fetches and inserts the new one.
  mutating func buffer(of plane: GraphicsPlane) -> PlaneBuffer? {
    if let index = buffers.use(Key(plane)) {
      let buffer = buffers.entries[index].value
      if !buffer.isGone { return buffer }
    }
    buffers.removeAll { known, _ in known.handle == plane.handle }
    return nil
  }

  /// Keeps the buffer of a plane. When the cache is full, it replaces the least recently used one.
  mutating func insert(_ buffer: PlaneBuffer, for plane: GraphicsPlane) {
    buffers.insert(buffer, for: Key(plane))
  }

  mutating func removeAll() { buffers.removeAll() }
}
