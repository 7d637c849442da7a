// SPDX-License-Identifier: Apache-2.0

import LinuxSystem

/// Turns a refused system call into this library's error, with the remedy that VFIO's code suggests.
@discardableResult
func vfio<Value: ~Copyable>(
  _ body: () throws(SystemCallError) -> Value
) throws(VFIOError) -> Value {
  do {
    return try body()
  } catch {
    throw VFIOError.system(error.advisedForVFIO)
  }
}

/// ioctl(2) on a structure, of a descriptor that somebody else owns.
func ioctl<Argument>(
  _ call: StaticString, _ request: UInt, on object: String, of descriptor: Int32,
  _ kernel: any Kernel, _ argument: inout Argument
) throws(VFIOError) {
  let answer = withUnsafeMutablePointer(to: &argument) { pointer in
    SystemCall.uninterrupted { kernel.ioctl(descriptor, request, pointer) }
  }
  try vfio { () throws(SystemCallError) in
    try SystemCall.make("\(call)", on: object) { answer }
  }
}

extension OwnedFileDescriptor {
  /// ioctl(2) with an integer argument, or none.
  @discardableResult
  func ioctl(
    _ call: StaticString, _ request: UInt, on object: String, argument: UInt = 0
  ) throws(VFIOError) -> Int {
    try vfio { () throws(SystemCallError) in
      try SystemCall.make("\(call)", on: object) {
        ioctl(request, UnsafeMutableRawPointer(bitPattern: argument))
      }
    }
  }

  /// ioctl(2) on a structure, which the kernel may change.
  @discardableResult
  func ioctl<Argument>(
    _ call: StaticString, _ request: UInt, on object: String, _ argument: inout Argument
  ) throws(VFIOError) -> Int {
    let answer = withUnsafeMutablePointer(to: &argument) { pointer in
      SystemCall.uninterrupted { ioctl(request, pointer) }
    }
    guard answer >= 0 else {
      let errno = SystemCall.errno(answer)
      throw VFIOError.system(
        SystemCallError(call: "\(call)", object: object, errno: errno).advisedForVFIO)
    }
    return answer
  }

  /// ioctl(2) on bytes that begin with a structure and go on with an array or a capability chain.
  @discardableResult
  func ioctl(
    _ call: StaticString, _ request: UInt, on object: String, bytes: inout [UInt8]
  ) throws(VFIOError) -> Int {
    let answer = bytes.withUnsafeMutableBytes { buffer in
      SystemCall.uninterrupted { ioctl(request, buffer.baseAddress) }
    }
    guard answer >= 0 else {
      let errno = SystemCall.errno(answer)
      throw VFIOError.system(
        SystemCallError(call: "\(call)", object: object, errno: errno).advisedForVFIO)
    }
    return answer
  }

  /// The common form of VFIO's queries: a structure that begins with `argsz`. The kernel raises
  /// `argsz` when its answer (with a capability chain) is longer than the room.
  ///
  /// - Returns: the structure, followed by the rest of the kernel's answer.
  func growingQuery<Argument>(
    _ call: StaticString, _ request: UInt, on object: String, _ argument: Argument
  ) throws(VFIOError) -> [UInt8] {
    let minimum = MemoryLayout<Argument>.size
    var room = minimum
    // Two calls are enough unless the device changes meanwhile; a driver that wants more room after
    // four calls misbehaves.
    for _ in 0..<4 {
      var bytes = [UInt8](repeating: 0, count: room)
      bytes.withUnsafeMutableBytes { buffer in
        withUnsafeBytes(of: argument) { buffer.copyMemory(from: $0) }
        buffer.storeBytes(of: UInt32(room), as: UInt32.self)
      }
      try ioctl(call, request, on: object, bytes: &bytes)
      let wanted = Int(bytes.withUnsafeBytes { $0.load(as: UInt32.self) })
      if wanted <= room { return bytes }
      guard wanted <= Self.largestAnswer else {
        throw .malformed(object: object, reason: "\(call) wants \(wanted) bytes of room")
      }
      room = wanted
    }
    throw .malformed(object: object, reason: "\(call) wants more room each time it is asked")
  }

  /// It is far more than any capability chain that the kernel builds, and bounds the memory that a
  /// driver can make this process allocate.
  private static var largestAnswer: Int { 1 << 20 }
}

extension [UInt8] {
  /// The structure at the beginning of a kernel's answer.
  func structure<Structure>(_: Structure.Type) -> Structure {
    withUnsafeBytes { $0.loadUnaligned(as: Structure.self) }
  }
}
