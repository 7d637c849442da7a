// SPDX-License-Identifier: Apache-2.0

import DMABuf
import LinuxSystem
import SystemPackage
import VFIO
import VGPUDisplay

/// A driver that answers as a test says, with real buffers behind its ids.
final class ScriptedDriver: PlaneProvider {
  let name = "mdev 1"
  var transportAnswer: Result<PlaneTransport?, VFIOError> = .success(.dmaBuf)
  var primary: Result<GraphicsPlane, VFIOError> = .success(.off)
  var cursor: Result<GraphicsPlane, VFIOError> = .success(.off)
  var buffers: [UInt32: DMABuffer] = [:]
  var fetched: [UInt32] = []
  var fetchErrno: Errno?
  var mapped: [(index: UInt32, count: UInt64)] = []
  /// What lies behind every region, when it is no buffer: memory that others can take away.
  var region: OwnedFileDescriptor?

  func transport() throws(VFIOError) -> PlaneTransport? { try transportAnswer.get() }

  func query(
    _ type: PlaneType, _ transport: PlaneTransport
  ) throws(VFIOError) -> GraphicsPlane {
    try type == .primary ? primary.get() : cursor.get()
  }

  func dmaBuf(_ id: UInt32) throws(VFIOError) -> OwnedFileDescriptor {
    fetched.append(id)
    if let fetchErrno { throw .errno(fetchErrno) }
    guard let buffer = buffers[id] else { throw .errno(.noSuchFileOrDirectory) }
    do {
      return try buffer.duplicate()
    } catch {
      throw .system(error)
    }
  }

  func mapPixels(inRegion index: UInt32, count: UInt64) throws(VFIOError) -> MappedMemory {
    mapped.append((index, count))
    do throws(SystemCallError) {
      let memory: OwnedFileDescriptor
      if let file = try region?.duplicate(of: "region") {
        memory = file
      } else {
        guard let buffer = buffers[index] else { throw SystemCallError.noRegion }
        memory = try buffer.duplicate()
      }
      return try MappedMemory(memory, count: Int(count), access: .read, of: "region \(index)")
    } catch {
      throw .system(error)
    }
  }

  /// Puts a buffer of `size` bytes, all of them `byte`, behind an id.
  func putBuffer(_ id: UInt32, size: Int, byte: UInt8 = 0) throws {
    let buffer = try DMABuffer.allocate(size: size, name: "buffer \(id)")
    try buffer.map(.readWrite).write { bytes throws(SystemCallError) in
      _ = bytes.initializeMemory(as: UInt8.self, repeating: byte)
    }
    buffers[id] = buffer
  }
}

extension GraphicsPlane {
  static var off: GraphicsPlane {
    GraphicsPlane(format: 0, modifier: 0, width: 0, height: 0, stride: 0, size: 0, handle: 0)
  }
}

extension VFIOError {
  static func errno(_ errno: Errno) -> VFIOError {
    .system(SystemCallError(call: "VFIO_DEVICE_QUERY_GFX_PLANE", object: "mdev 1", errno: errno))
  }
}

extension SystemCallError {
  fileprivate static var noRegion: SystemCallError {
    SystemCallError(call: "mmap", object: "region", errno: .invalidArgument)
  }
}
