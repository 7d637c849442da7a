// SPDX-License-Identifier: Apache-2.0

import BridgeProtocol
import DMABuf
import LinuxSystem
import VFIO
import VGPUDisplay

/// The buffers of a bridge that a client holds, by the bridge's numbers.
struct BufferTable {
  private struct Held {
    let buffer: PlaneBuffer
    let bytes: Int
  }

  private var held: RecencyTable<UInt64, Held>
  private var bytes = 0
  /// The bridge's promise, or `most` when the promise is greater.
  private let limit: (buffers: Int, bytes: Int)

  /// The most that a client holds, whatever a bridge promises: all buffers that a guest flips among, of
  /// the largest size that a picture has.
  private static let most: (buffers: UInt32, bytes: UInt64) = (64, 2 << 30)
  /// Buffers kept free, because a picture and a pointer may come at once.
  private static let spare = 2

  init(_ welcome: Welcome) {
    limit = (
      Int(min(welcome.buffers, Self.most.buffers)), Int(min(welcome.bytes, Self.most.bytes))
    )
    held = RecencyTable(capacity: limit.buffers)
  }

  /// Checks a buffer like a driver's, and keeps it.
  ///
  /// - Parameter descriptor: taken when it is a buffer's. Otherwise it stays with the caller,
  ///   because closing anything else may take long.
  mutating func add(
    _ shared: SharedBuffer, _ descriptor: inout OwnedFileDescriptor?, name: String
  ) throws(BufferDefect) {
    guard !held.contains(shared.id), !held.isFull else { throw .surplus }
    guard let memory = try Self.memory(&descriptor, "\(name), buffer \(shared.id)") else {
      throw .noBuffer("no descriptor")
    }
    // No overflow: neither number is negative, and `bytes` never exceeds the limit.
    guard memory.size <= limit.bytes - bytes else { throw .surplus }
    let plane = GraphicsPlane(
      format: shared.format, modifier: shared.modifier, width: shared.width,
      height: shared.height, stride: shared.stride, size: shared.size, handle: 0)
    do {
      let buffer = try PlaneBuffer(try PlaneInfo(checking: plane), buffer: memory)
      held.append(Held(buffer: buffer, bytes: memory.size), for: shared.id)
      bytes += memory.size
    } catch {
      throw .defective(error)
    }
  }

  private static func memory(
    _ descriptor: inout OwnedFileDescriptor?, _ name: String
  ) throws(BufferDefect) -> DMABuffer? {
    guard let fd = descriptor.take() else { return nil }
    var problem: SystemCallError?
    do throws(SystemCallError) {
      _ = try DMABuffer.Backing(of: fd, name: name)
    } catch {
      problem = error
    }
    if let problem {
      descriptor = .some(fd)
      throw .noBuffer("\(problem)")
    }
    do throws(SystemCallError) {
      return try DMABuffer(owning: fd, name: name)
    } catch {
      throw .noBuffer("\(error)")
    }
  }

  /// The buffer with a number. It counts as used now.
  mutating func use(_ id: UInt64) -> PlaneBuffer? {
    guard let index = held.use(id) else { return nil }
    return held.entries[index].value.buffer
  }

  /// Removes the buffer that was unused for longest, when there are too many buffers.
  ///
  /// - Returns: its number.
  mutating func removeSurplus() -> UInt64? {
    // The next buffer may be as large as all of these.
    guard held.count > limit.buffers - Self.spare || bytes > limit.bytes / 2,
      held.count > Self.spare, let oldest = held.longestUnused
    else { return nil }
    let id = held.key(at: oldest)
    bytes -= held.remove(at: oldest).bytes
    return id
  }

  mutating func removeAll() {
    held.removeAll()
    bytes = 0
  }
}

/// Why a bridge's buffer is not taken.
enum BufferDefect: Error, CustomStringConvertible {
  case surplus
  case noBuffer(String)
  case defective(PlaneDefect)

  var description: String {
    switch self {
    case .surplus: "a buffer too many"
    case .noBuffer(let reason): "no buffer: \(reason)"
    case .defective(let defect): "\(defect)"
    }
  }
}
