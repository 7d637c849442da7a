// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem
import SystemPackage

extension DMABuffer {
  /// Makes a buffer of this process's own memory: a dma-buf when the machine has `/dev/udmabuf`
  /// (UDMABUF_CREATE) and this user may open it, else a memory file (memfd_create(2)).
  ///
  /// - Parameters:
  ///   - size: bytes, more than zero; rounded up to whole pages.
  ///   - name: the buffer's name in errors and in `/proc`.
  ///   - path: the node of the kernel's udmabuf driver.
  ///   - kernel: answers the system calls, for tests.
  /// - Throws: `SystemCallError` when the process can have no more memory or no more descriptors.
  public static func allocate(
    size: Int, name: String, udmabuf path: String = "/dev/udmabuf",
    kernel: any Kernel = RunningKernel()
  ) throws(SystemCallError) -> DMABuffer {
    let page = Int(getpagesize())
    let (padded, overflow) = size.addingReportingOverflow(page - 1)
    guard size > 0, !overflow else {
      throw SystemCallError(call: "memfd_create", object: name, errno: .invalidArgument)
    }
    let count = padded / page * page
    let memory = try memoryFile(size: count, name: name, kernel: kernel)
    try seal(memory, vgpu_F_SEAL_SHRINK, name)
    guard let udmabuf = try? OwnedFileDescriptor.open(path, flags: O_RDWR, kernel: kernel) else {
      return try DMABuffer(owning: memory, name: name)
    }
    var request = udmabuf_create()
    request.memfd = UInt32(memory.rawValue)
    request.flags = UInt32(UDMABUF_FLAGS_CLOEXEC)
    request.size = UInt64(count)
    let number = udmabuf.rawValue
    let fd = try SystemCall.make("UDMABUF_CREATE", on: name) {
      withUnsafeMutablePointer(to: &request) { kernel.ioctl(number, vgpu_UDMABUF_CREATE, $0) }
    }
    return try DMABuffer(owning: OwnedFileDescriptor(owning: Int32(fd), kernel: kernel), name: name)
  }

  /// A memory file (memfd_create(2)) that its maker can write, and whoever gets its descriptor can only
  /// read: F_SEAL_FUTURE_WRITE forbids all writing but by `WrittenFile.memory`. Nobody can change its
  /// size.
  ///
  /// - Parameters:
  ///   - size: bytes, more than zero.
  ///   - name: the file's name in errors and in `/proc`.
  /// - Throws: `SystemCallError` when the process can have no more memory or no more descriptors.
  package static func allocateForReaders(
    size: Int, name: String, kernel: any Kernel = RunningKernel()
  ) throws(SystemCallError) -> WrittenFile {
    let file = try memoryFile(size: size, name: name, kernel: kernel)
    // Before the seal, which forbids every later mapping for writing.
    let memory = try MappedMemory(file, count: size, access: .readWrite, of: name)
    try seal(file, vgpu_F_SEAL_SHRINK | vgpu_F_SEAL_GROW | vgpu_F_SEAL_FUTURE_WRITE, name)
    return WrittenFile(buffer: try DMABuffer(owning: file, name: name), memory: memory)
  }

  /// A memory file and the only mapping by which it can be written.
  package struct WrittenFile: ~Copyable {
    /// The file, for readers.
    package let buffer: DMABuffer
    /// Its bytes.
    package let memory: MappedMemory

    fileprivate init(buffer: DMABuffer, memory: consuming MappedMemory) {
      self.buffer = buffer
      self.memory = memory
    }
  }

  private static func memoryFile(
    size: Int, name: String, kernel: any Kernel
  ) throws(SystemCallError) -> OwnedFileDescriptor {
    let number = try SystemCall.make("memfd_create", on: name) {
      kernel.createMemoryFile(name, flags: UInt32(MFD_CLOEXEC) | UInt32(MFD_ALLOW_SEALING))
    }
    let memory = OwnedFileDescriptor(owning: Int32(number), kernel: kernel)
    let fd = memory.rawValue
    try SystemCall.make("ftruncate", on: name) { kernel.truncate(fd, length: UInt64(size)) }
    return memory
  }

  private static func seal(
    _ file: borrowing OwnedFileDescriptor, _ seals: Int32, _ name: String
  ) throws(SystemCallError) {
    let fd = file.rawValue
    let kernel = file.kernel
    try SystemCall.make("fcntl(F_ADD_SEALS)", on: name) {
      kernel.fcntl(fd, command: vgpu_F_ADD_SEALS, argument: Int(seals))
    }
  }
}
