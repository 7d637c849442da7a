// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The system calls that the libraries make, one function for each call. A test puts a kernel of
/// its own in this place.
///
/// Every function returns the kernel's answer, or the *negated* errno, as the kernel itself does.
/// Nothing here retries, converts or interprets; `SystemCall` does that.
public protocol Kernel: Sendable {
  /// open(2). Returns a descriptor that the caller closes.
  func open(_ path: String, flags: Int32) -> Int
  /// close(2).
  func close(_ fd: Int32) -> Int
  /// ioctl(2).
  func ioctl(_ fd: Int32, _ request: UInt, _ argument: UnsafeMutableRawPointer?) -> Int
  /// fcntl(2) with an integer argument.
  func fcntl(_ fd: Int32, command: Int32, argument: Int) -> Int
  /// statx(2) of a descriptor, without asking the server of its file system.
  func status(_ fd: Int32, _ status: inout FileStatus) -> Int
  /// pread(2).
  func pread(_ fd: Int32, _ buffer: UnsafeMutableRawBufferPointer, offset: UInt64) -> Int
  /// pwrite(2).
  func pwrite(_ fd: Int32, _ buffer: UnsafeRawBufferPointer, offset: UInt64) -> Int
  /// lseek(2) to the end: the size of a file or dma-buf in bytes.
  func seekToEnd(_ fd: Int32) -> Int
  /// ftruncate(2).
  func truncate(_ fd: Int32, length: UInt64) -> Int
  /// mmap(2), shared, at an address of the kernel's choice. Returns the address.
  func map(_ fd: Int32, length: Int, protection: Int32, offset: UInt64) -> Int
  /// munmap(2).
  func unmap(_ address: UnsafeMutableRawPointer, length: Int) -> Int
  /// memfd_create(2). Returns a descriptor that the caller closes.
  func createMemoryFile(_ name: String, flags: UInt32) -> Int
  /// pidfd_open(2). Returns a descriptor that the caller closes.
  func openProcess(_ pid: Int32) -> Int
  /// pidfd_getfd(2). Returns a close-on-exec duplicate that the caller closes.
  func duplicate(_ fd: Int32, fromProcess pidfd: Int32) -> Int
  /// sendmsg(2) with at most one descriptor (SCM_RIGHTS); `fd` is -1 for none.
  func send(_ socket: Int32, _ bytes: UnsafeRawBufferPointer, fd: Int32) -> Int
  /// recvmsg(2), with all descriptors that come with the message, close-on-exec from birth. The
  /// caller closes the descriptors; closing can take as long as their sender likes
  /// (`ForeignDescriptors`).
  func receive(_ socket: Int32, _ bytes: UnsafeMutableRawBufferPointer, fds: inout [Int32]) -> Int
  /// fstatfs(2). Returns the file system's magic number (`<linux/magic.h>`).
  func fileSystem(_ fd: Int32) -> Int
}

/// The kernel that this process runs on.
public struct RunningKernel: Kernel {
  /// Stands for the kernel that this process runs on; it has no state.
  public init() {}

  public func open(_ path: String, flags: Int32) -> Int { vgpu_open(path, flags) }

  public func close(_ fd: Int32) -> Int { vgpu_result(Int(CLinux.close(fd))) }

  public func ioctl(_ fd: Int32, _ request: UInt, _ argument: UnsafeMutableRawPointer?) -> Int {
    vgpu_ioctl(fd, request, argument)
  }

  public func fcntl(_ fd: Int32, command: Int32, argument: Int) -> Int {
    vgpu_fcntl(fd, command, argument)
  }

  public func status(_ fd: Int32, _ status: inout FileStatus) -> Int {
    var file = vgpu_file_status()
    let answer = vgpu_file_status(fd, "", &file)
    if answer == 0 { status = FileStatus(file) }
    return answer
  }

  public func pread(_ fd: Int32, _ buffer: UnsafeMutableRawBufferPointer, offset: UInt64) -> Int {
    vgpu_result(
      CLinux.pread(fd, buffer.baseAddress, buffer.count, off_t(truncatingIfNeeded: offset)))
  }

  public func pwrite(_ fd: Int32, _ buffer: UnsafeRawBufferPointer, offset: UInt64) -> Int {
    vgpu_result(
      CLinux.pwrite(fd, buffer.baseAddress, buffer.count, off_t(truncatingIfNeeded: offset)))
  }

  public func seekToEnd(_ fd: Int32) -> Int { vgpu_result(CLinux.lseek(fd, 0, SEEK_END)) }

  public func truncate(_ fd: Int32, length: UInt64) -> Int {
    vgpu_result(Int(CLinux.ftruncate(fd, off_t(truncatingIfNeeded: length))))
  }

  public func map(_ fd: Int32, length: Int, protection: Int32, offset: UInt64) -> Int {
    // MAP_FAILED is address -1: a negative answer, like every other failure.
    vgpu_result(
      Int(
        bitPattern: mmap(nil, length, protection, MAP_SHARED, fd, off_t(truncatingIfNeeded: offset))
      ))
  }

  public func unmap(_ address: UnsafeMutableRawPointer, length: Int) -> Int {
    vgpu_result(Int(munmap(address, length)))
  }

  public func createMemoryFile(_ name: String, flags: UInt32) -> Int {
    vgpu_memfd_create(name, flags)
  }

  public func openProcess(_ pid: Int32) -> Int { vgpu_pidfd_open(pid) }

  public func duplicate(_ fd: Int32, fromProcess pidfd: Int32) -> Int {
    vgpu_pidfd_getfd(pidfd, fd)
  }

  public func send(_ socket: Int32, _ bytes: UnsafeRawBufferPointer, fd: Int32) -> Int {
    vgpu_send_fd(socket, bytes.baseAddress, bytes.count, fd)
  }

  public func receive(
    _ socket: Int32, _ bytes: UnsafeMutableRawBufferPointer, fds: inout [Int32]
  ) -> Int {
    fds.removeAll(keepingCapacity: true)
    return withUnsafeTemporaryAllocation(of: Int32.self, capacity: Int(vgpu_most_descriptors)) {
      var count = 0
      let answer = vgpu_receive_fds(socket, bytes.baseAddress, bytes.count, $0.baseAddress, &count)
      fds.append(contentsOf: $0.prefix(count))
      return answer
    }
  }

  public func fileSystem(_ fd: Int32) -> Int { vgpu_file_system(fd) }
}
