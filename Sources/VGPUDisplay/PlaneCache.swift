// SPDX-License-Identifier: Apache-2.0

import VFIO

/// The buffers that a guest has shown, by what the driver said of them.
///
/// Drivers reuse ids, so an id alone proves nothing. An id cannot be reused while we hold the
/// buffer's descriptor; should it come with another geometry all the same, the buffer behind it is
/// another one, and what we held is let go.
struct PlaneCache {
  /// Guests flip among two or three buffers; a mode set adds as many. Descriptors are cheap, and
  /// the memory is the guest's: the bound is for a guest that shows new ones for ever.
  static let capacity = 32

  /// What makes two answers of a driver the same buffer: all but where a cursor is.
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

  /// The buffer of a plane; `nil` when none is known, or its memory went. What was known by the same
  /// id is let go then, and the buffer is to be fetched and inserted.
  mutating func buffer(of plane: GraphicsPlane) -> PlaneBuffer? {
    if let index = buffers.use(Key(plane)) {
      let buffer = buffers.entries[index].value
      if !buffer.isGone { return buffer }
    }
    buffers.removeAll { known, _ in known.handle == plane.handle }
    return nil
  }

  /// Keeps the buffer of a plane, in place of the one that was not used for longest if need be.
  mutating func insert(_ buffer: PlaneBuffer, for plane: GraphicsPlane) {
    buffers.insert(buffer, for: Key(plane))
  }

  mutating func removeAll() { buffers.removeAll() }
}
