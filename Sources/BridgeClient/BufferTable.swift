// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import DMABuf
import LinuxSystem
import VFIO
import VGPUDisplay

/// The buffers of a bridge that a client holds, by the bridge's numbers.
struct BufferTable {
  private struct Entry {
    let id: UInt64
    let buffer: PlaneBuffer
    let bytes: Int
    var lastUse: UInt64
  }

  private var entries: [Entry] = []
  private var uses: UInt64 = 0
  private var bytes = 0
  private let most: Int
  private let mostBytes: UInt64

  /// Kept free of the buffers that a bridge allows, as a picture and a pointer may come at once.
  private static let spare = 2

  init(_ welcome: Welcome) {
    most = max(0, Int(min(welcome.buffers, 64)) - Self.spare)
    // What comes next may be as large as what there is.
    mostBytes = welcome.bytes / 2
    entries.reserveCapacity(most + Self.spare)
  }

  /// Checks a buffer as one of a driver's, and keeps it.
  mutating func add(
    _ shared: SharedBuffer, _ descriptor: consuming OwnedFileDescriptor, name: String
  ) throws(BufferDefect) {
    guard !entries.contains(where: { $0.id == shared.id }), entries.count < most + Self.spare else {
      throw .surplus
    }
    let memory: DMABuf
    do {
      memory = try DMABuf(owning: descriptor, name: "\(name), buffer \(shared.id)")
    } catch {
      throw .noBuffer("\(error)")
    }
    // A memory file could be made shorter while it is read, which ends the reader.
    guard memory.backing == .dmaBuf || memory.isSealedAgainstShrinking else { throw .notSealed }
    let plane = GraphicsPlane(
      format: shared.format, modifier: shared.modifier, width: shared.width,
      height: shared.height, stride: shared.stride, size: shared.size, handle: 0)
    do {
      let buffer = try PlaneBuffer(try PlaneInfo(checking: plane), buffer: memory)
      uses += 1
      entries.append(Entry(id: shared.id, buffer: buffer, bytes: memory.size, lastUse: uses))
      bytes += memory.size
    } catch {
      throw .defective(error)
    }
  }

  /// The buffer with a number, which counts as used.
  mutating func use(_ id: UInt64) -> PlaneBuffer? {
    for index in entries.indices where entries[index].id == id {
      uses += 1
      entries[index].lastUse = uses
      return entries[index].buffer
    }
    return nil
  }

  /// Lets go of the buffer that was not used for longest, if there are too many of them.
  ///
  /// - Returns: its number.
  mutating func removeSurplus() -> UInt64? {
    guard entries.count > most || UInt64(bytes) > mostBytes, entries.count > Self.spare,
      let oldest = entries.indices.min(by: { entries[$0].lastUse < entries[$1].lastUse })
    else { return nil }
    let entry = entries.remove(at: oldest)
    bytes -= entry.bytes
    return entry.id
  }

  mutating func removeAll() {
    entries.removeAll(keepingCapacity: true)
    bytes = 0
  }
}

/// Why a bridge's buffer is not taken.
enum BufferDefect: Error, CustomStringConvertible {
  case surplus
  case noBuffer(String)
  case notSealed
  case defective(PlaneDefect)

  var description: String {
    switch self {
    case .surplus: "a buffer too many"
    case .noBuffer(let reason): "no buffer: \(reason)"
    case .notSealed: "a memory file that can become shorter"
    case .defective(let defect): "\(defect)"
    }
  }
}
