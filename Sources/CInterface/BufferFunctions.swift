// SPDX-License-Identifier: Apache-2.0
//
// vgpu.h describes what each function does, and has named it.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CVGPU

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
