// SPDX-License-Identifier: Apache-2.0
//
// vgpu.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CVGPU
import DMABuf
import LinuxSystem
import VGPUDisplay

@c @implementation
public func vgpu_buffer_release(_ buffer: OpaquePointer!) { Buffer.release(buffer) }

@c @implementation
public func vgpu_buffer_describe(
  _ buffer: OpaquePointer!, _ info: UnsafeMutablePointer<vgpu_buffer_info>!,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let buffer = try Buffer.borrowed(buffer)
    guard let info else { throw .null("info") }
    info.pointee = buffer.info
    try buffer.checkDescription()
  }
}

@c @implementation
public func vgpu_buffer_fd(_ buffer: OpaquePointer!) -> Int32 {
  (try? Buffer.borrowed(buffer))?.descriptor ?? -1
}

@c @implementation
public func vgpu_buffer_dup_fd(
  _ buffer: OpaquePointer!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.result(error) { () throws(Failure) in try Buffer.borrowed(buffer).duplicate() } ?? -1
}

@c @implementation
public func vgpu_buffer_copy_rgb(
  _ buffer: OpaquePointer!, _ rgb: UnsafeMutablePointer<UInt8>!, _ size: Int,
  _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let buffer = try Buffer.borrowed(buffer)
    guard let rgb else { throw .null("rgb") }
    // A size_t beyond Int's half comes as a negative number.
    try buffer.copy(into: UnsafeMutableRawBufferPointer(start: rgb, count: max(0, size)))
  }
}

@c @implementation
public func vgpu_buffer_read(
  _ buffer: OpaquePointer!,
  _ body: (@convention(c) (UnsafeRawPointer?, Int, UnsafeMutableRawPointer?) -> Void)!,
  _ context: UnsafeMutableRawPointer!, _ error: UnsafeMutablePointer<vgpu_error>!
) -> Int32 {
  Failure.code(error) { () throws(Failure) in
    let buffer = try Buffer.borrowed(buffer)
    guard let body else { throw .null("body") }
    try buffer.read { bytes in body(bytes.baseAddress, bytes.count, context) }
  }
}

/// The object behind a `vgpu_buffer`: a reference to a plane's memory, and none to its source.
final class Buffer: Handle {
  static let cName = "vgpu_buffer"

  private let plane: PlaneBuffer
  private let turn: Turn

  init(_ plane: PlaneBuffer, _ turn: Turn) {
    self.plane = plane
    self.turn = turn
  }

  /// The dma-buf or memory file; `nil` for a region.
  private var memory: DMABuffer? {
    if case .dmaBuf(let memory) = plane.storage { memory } else { nil }
  }

  /// Throws when `vgpu_buffer_info` cannot tell where the picture's lines are.
  func checkDescription() throws(Failure) {
    guard plane.isWhole || (!plane.isUpsideDown && plane.lines != nil) else {
      throw Failure(
        .unsupported,
        "the picture is upside down, or a part of an image that only the GPU can read;"
          + " copy it")
    }
  }

  /// How the picture lies in the memory.
  var info: vgpu_buffer_info {
    let layout = plane.layout
    let storage =
      switch memory?.backing {
      case .dmaBuf: VGPU_STORAGE_DMABUF
      case .memoryFile: VGPU_STORAGE_MEMORY_FILE
      case nil: VGPU_STORAGE_REGION
      }
    // None is cut: `PlaneInfo` has bounded the sides, and drivers tell strides in 32 bits.
    return vgpu_buffer_info(
      id: plane.id, modifier: layout.modifier.rawValue,
      size: UInt64(clamping: memory?.size ?? 0), width: UInt32(clamping: plane.size.width),
      height: UInt32(clamping: plane.size.height), fourcc: layout.format.fourCC.rawValue,
      stride: UInt32(clamping: layout.stride),
      offset: UInt32(clamping: plane.lines?.offset ?? layout.planes.first?.offset ?? 0),
      storage: Int32(storage))
  }

  /// The descriptor, borrowed; -1 for a region.
  var descriptor: Int32 { memory?.rawValue ?? -1 }

  /// A duplicate of the descriptor, which the caller owns.
  func duplicate() throws(Failure) -> Int32 {
    guard let memory else {
      throw Failure(
        .unsupported, "the picture is in a region of the device, without a descriptor; copy it")
    }
    do {
      return try memory.duplicate().release()
    } catch {
      throw Failure(error)
    }
  }

  /// Copies the picture as bytes of red, green and blue.
  func copy(into rgb: UnsafeMutableRawBufferPointer) throws(Failure) {
    let needed = plane.size.width * plane.size.height * 3
    guard rgb.count >= needed else {
      throw Failure(.argument, "rgb: room for \(rgb.count) bytes; the picture needs \(needed)")
    }
    try turn.take { () throws(Failure) in
      do throws(Picture.CopyError) {
        rgb.copyBytes(from: try Picture(copying: plane).rgb)
      } catch {
        throw Failure(error)
      }
    }
  }

  /// Lets somebody read the memory in place.
  func read(_ body: (UnsafeRawBufferPointer) -> Void) throws(Failure) {
    try turn.take { () throws(Failure) in
      do throws(SystemCallError) {
        try plane.withPixels { (bytes) throws(SystemCallError) in body(bytes) }
      } catch {
        throw Failure(error)
      }
    }
  }
}
