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

  private struct Entry {
    let key: Key
    let buffer: PlaneBuffer
    var lastUse: UInt64
  }

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

  private var entries: [Entry] = []
  private var uses: UInt64 = 0

  init() {
    entries.reserveCapacity(Self.capacity)
  }

  var count: Int { entries.count }

  /// The buffer of a plane: the known one, or what `fetch` gets where none is, or its memory went.
  mutating func buffer<Failure>(
    for plane: GraphicsPlane, fetch: () throws(Failure) -> PlaneBuffer
  ) throws(Failure) -> PlaneBuffer {
    let key = Key(plane)
    uses += 1
    // A loop, for firstIndex(where:) allocates where it is not specialised.
    for index in entries.indices where entries[index].key == key {
      if entries[index].buffer.isGone { break }
      entries[index].lastUse = uses
      return entries[index].buffer
    }
    entries.removeAll { $0.key.handle == key.handle }
    let buffer = try fetch()
    if entries.count == Self.capacity,
      let oldest = entries.indices.min(by: { entries[$0].lastUse < entries[$1].lastUse })
    {
      entries.remove(at: oldest)
    }
    entries.append(Entry(key: key, buffer: buffer, lastUse: uses))
    return buffer
  }

  mutating func removeAll() {
    entries.removeAll(keepingCapacity: true)
  }
}
