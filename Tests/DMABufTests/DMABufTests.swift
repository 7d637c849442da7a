// SPDX-License-Identifier: Apache-2.0

import CLinux
import DMABuf
import LinuxSystem
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite struct DMABufTests {
  private static func dmaBufKernel(
    sync: @escaping @Sendable (UInt64) -> Int = { _ in 0 }
  ) -> FakeKernel {
    let kernel = FakeKernel()
    kernel.setSize(8192)
    kernel.onIoctl(vgpu_DMA_BUF_IOCTL_SYNC) { _, argument in
      guard let flags = argument?.load(as: UInt64.self) else { return -14 }
      return flags == 0 ? -22 : sync(flags)
    }
    return kernel
  }

  @Test func allocatedBuffersAreWritableAndKeepTheirBytes() throws {
    let buffer = try DMABuffer.allocate(size: 5000, name: "test")
    #expect(buffer.size == 8192)
    let mapping = try buffer.map(.readWrite)
    try mapping.write { bytes throws(SystemCallError) in
      for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: index * 7) }
    }
    let again = try DMABuffer(owning: buffer.duplicate(), name: "again").map(.read)
    let isSame = try again.read { bytes throws(SystemCallError) in
      bytes.indices.allSatisfy { bytes[$0] == UInt8(truncatingIfNeeded: $0 * 7) }
    }
    #expect(isSame)
  }

  @Test func withoutUdmabufAMemoryFileStandsIn() throws {
    let buffer = try DMABuffer.allocate(size: 4096, name: "test", udmabuf: "/nonexistent")
    #expect(buffer.backing == .memoryFile)
    #expect(throws: SystemCallError.self) {
      try buffer.map(.read).write { _ throws(SystemCallError) in }
    }
  }

  @Test(arguments: [0, -1, Int.max]) func absurdSizesAreRefused(size: Int) {
    let error = #expect(throws: SystemCallError.self) {
      try DMABuffer.allocate(size: size, name: "test")
    }
    #expect(error?.errno == .invalidArgument)
  }

  @Test func readsAreBracketedBySync() throws {
    let seen = Journal()
    let kernel = Self.dmaBufKernel { flags in
      seen.add(flags)
      return 0
    }
    let buffer = try DMABuffer(
      owning: OwnedFileDescriptor(owning: kernel.makeFD(), kernel: kernel), name: "a dma-buf")
    #expect(buffer.backing == .dmaBuf)
    let mapping = try buffer.map(.readWrite)
    try mapping.read { _ throws(SystemCallError) in seen.add(99) }
    try mapping.write { _ throws(SystemCallError) in seen.add(98) }
    // READ 1, WRITE 2, END 4.
    #expect(seen.values == [1, 99, 5, 3, 98, 7])
  }

  @Test func accessEndsAlsoAfterAnError() throws {
    let seen = Journal()
    let kernel = Self.dmaBufKernel { flags in
      seen.add(flags)
      return 0
    }
    let buffer = try DMABuffer(
      owning: OwnedFileDescriptor(owning: kernel.makeFD(), kernel: kernel), name: "a dma-buf")
    let mapping = try buffer.map(.read)
    #expect(throws: SystemCallError.self) {
      try mapping.read { _ throws(SystemCallError) in
        throw SystemCallError(call: "x", object: "y", errno: .ioError)
      }
    }
    #expect(seen.values == [1, 5])
  }

  @Test func syncIsRepeatedWhenTheKernelSaysSo() throws {
    let seen = Journal()
    let kernel = Self.dmaBufKernel { flags in
      seen.add(flags)
      switch seen.values.count {
      case 1: return -Int(Errno.resourceTemporarilyUnavailable.rawValue)
      case 2: return -Int(Errno.interrupted.rawValue)
      default: return 0
      }
    }
    let buffer = try DMABuffer(
      owning: OwnedFileDescriptor(owning: kernel.makeFD(), kernel: kernel), name: "a dma-buf")
    try buffer.map(.read).read { _ throws(SystemCallError) in }
    #expect(seen.values == [1, 1, 1, 5])
  }

  /// Whatever a file answers to an ioctl, it is the kernel who says which files are dma-bufs.
  @Test func otherFilesAreRefused() throws {
    // FUSE (0x65735546): whoever serves such a file answers every call on it as he likes.
    let kernel = Self.dmaBufKernel()
    kernel.setFileSystem(0x6573_5546)
    kernel.setStatus(.other)
    func refused(_ fd: Int32) -> SystemCallError? {
      do throws(SystemCallError) {
        _ = try DMABuffer(owning: OwnedFileDescriptor(owning: fd, kernel: kernel), name: "a file")
        return nil
      } catch {
        return error
      }
    }
    #expect(refused(kernel.makeFD())?.errno == .invalidArgument)
    #expect(
      !kernel.calls.contains { ["ioctl", "lseek", "fstatfs"].contains($0.name) },
      "it was not asked")
    kernel.setStatus(.anonymous)
    #expect(refused(kernel.makeFD())?.errno == .invalidArgument)
    // Objects of the kernel's own that are none, such as one that refuses unknown ioctls by EINVAL.
    kernel.setFileSystem(Int(vgpu_ANON_INODE_FS_MAGIC))
    kernel.setSize(0)
    #expect(refused(kernel.makeFD()) != nil)
    kernel.setSize(4096)
    #expect(refused(kernel.makeFD()) == nil, "Linux before 5.3 has dma-bufs among them")
    kernel.onIoctl(vgpu_DMA_BUF_IOCTL_SYNC) { _, _ in -25 }
    #expect(refused(kernel.makeFD()) != nil)
    kernel.setSeals(0)
    #expect(refused(kernel.makeFD())?.errno == .notPermitted)
    kernel.setSeals(vgpu_F_SEAL_SHRINK)
    #expect(refused(kernel.makeFD()) == nil)
    #expect(kernel.openFDs.isEmpty)
  }

  @Test(arguments: ["/etc/passwd", "/dev/zero", "/dev/shm", "/proc/self/maps"])
  func realFilesAreRefused(path: String) throws {
    #expect(throws: SystemCallError.self) {
      try DMABuffer(owning: OwnedFileDescriptor.open(path, flags: O_RDONLY), name: path)
    }
  }

  @Test func fileInMemoryThatIsNotSealedIsRefused() throws {
    let path = "/dev/shm/dmabuf-\(getpid())"
    let file = try OwnedFileDescriptor.open(path, flags: O_RDWR | O_CREAT)
    defer { unlink(path) }
    _ = RunningKernel().truncate(file.rawValue, length: 4096)
    let error = #expect(throws: SystemCallError.self) {
      try DMABuffer.Backing(of: file, name: path)
    }
    #expect(error?.description.contains("can become shorter") == true)
  }

  @Test func nothingIsLeftOpen() throws {
    let kernel = Self.dmaBufKernel()
    kernel.onOpen("/dev/udmabuf")
    kernel.onIoctl(vgpu_UDMABUF_CREATE) { [kernel] _, _ in Int(kernel.makeFD()) }
    _ = try DMABuffer.allocate(size: 1, name: "test", kernel: kernel)
    #expect(kernel.openFDs.isEmpty)
    kernel.onIoctl(vgpu_UDMABUF_CREATE) { _, _ in -12 }
    #expect(throws: SystemCallError.self) {
      try DMABuffer.allocate(size: 1, name: "test", kernel: kernel)
    }
    #expect(kernel.openFDs.isEmpty)
    #expect(kernel.closedTwice.isEmpty)
  }
}

/// What happened, in order.
private final class Journal: Sendable {
  private let entries = Mutex<[UInt64]>([])
  func add(_ value: UInt64) { entries.withLock { $0.append(value) } }
  var values: [UInt64] { entries.withLock { $0 } }
}
