// SPDX-License-Identifier: Apache-2.0

public import CLinux
import SystemPackage

/// A file descriptor with exactly one owner. The descriptor is closed when this value ends.
public struct OwnedFileDescriptor: ~Copyable, Sendable {
  /// The descriptor's number in this process. Borrow it for a call; never close it.
  public let rawValue: Int32
  /// The kernel that the descriptor belongs to.
  public let kernel: any Kernel
  /// Whether `kernel` is the kernel that this process runs on. The call that is made for every
  /// frame is then a direct one.
  @usableFromInline let isRunningKernel: Bool
  private var isOwned = true

  /// Takes over a descriptor. Nobody else may close it.
  public init(owning rawValue: Int32, kernel: any Kernel = RunningKernel()) {
    self.rawValue = rawValue
    self.kernel = kernel
    isRunningKernel = kernel is RunningKernel
  }

  /// ioctl(2) as `Kernel` has it: the answer, or the negated errno.
  @inlinable
  public func ioctl(_ request: UInt, _ argument: UnsafeMutableRawPointer?) -> Int {
    isRunningKernel
      ? vgpu_ioctl(rawValue, request, argument) : kernel.ioctl(rawValue, request, argument)
  }

  deinit {
    // close(2) on Linux frees the number even when it reports EINTR, so the call is never repeated.
    if isOwned { _ = kernel.close(rawValue) }
  }

  /// open(2), close-on-exec from birth.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - flags: such as `O_RDWR`; `O_CLOEXEC` is added.
  ///   - kernel: answers the system calls, for tests.
  /// - Throws: `SystemCallError` on `path`.
  public static func open(
    _ path: String, flags: Int32, kernel: any Kernel = RunningKernel()
  ) throws(SystemCallError) -> OwnedFileDescriptor {
    let fd = try SystemCall.make("open", on: path) { kernel.open(path, flags: flags | O_CLOEXEC) }
    return OwnedFileDescriptor(owning: Int32(fd), kernel: kernel)
  }

  /// fcntl(F_DUPFD_CLOEXEC): a second descriptor of the same open file.
  ///
  /// - Parameter object: the file's name in errors.
  /// - Throws: `SystemCallError` on `object` when this process may have no more descriptors.
  public func duplicate(of object: String) throws(SystemCallError) -> OwnedFileDescriptor {
    let fd = try SystemCall.make("fcntl(F_DUPFD_CLOEXEC)", on: object) {
      kernel.fcntl(rawValue, command: F_DUPFD_CLOEXEC, argument: 0)
    }
    return OwnedFileDescriptor(owning: Int32(fd), kernel: kernel)
  }

  /// fcntl(F_SETFD, FD_CLOEXEC), for a descriptor that a driver handed out without close-on-exec.
  ///
  /// - Throws: `SystemCallError` on `object`.
  public func setCloseOnExec(of object: String) throws(SystemCallError) {
    try SystemCall.make("fcntl(F_SETFD)", on: object) {
      kernel.fcntl(rawValue, command: F_SETFD, argument: Int(FD_CLOEXEC))
    }
  }

  /// Gives the descriptor to the caller, who closes it.
  public consuming func release() -> Int32 {
    isOwned = false
    return rawValue
  }
}

extension OwnedFileDescriptor {
  /// open(2) for reading, of plain files only. Somebody else may have put a device under the file's
  /// name, and opening a device can have effects.
  ///
  /// - Throws: `SystemCallError` on `path`; EINVAL for a file that is not plain.
  public static func openPlainFile(
    _ path: String
  ) throws(SystemCallError) -> OwnedFileDescriptor {
    do throws(SystemCallError) {
      let fd = try SystemCall.make("open", on: path) { vgpu_open_plain_file(path) }
      return OwnedFileDescriptor(owning: Int32(fd))
    } catch {
      throw error.advising(error.errno == .invalidArgument ? "it is no plain file" : nil)
    }
  }

  /// pread(2) from the start to the end of the file, or to `limit` bytes.
  ///
  /// - Parameters:
  ///   - limit: bytes; the rest is not read.
  ///   - object: the file's name in errors.
  /// - Throws: `SystemCallError` on `object`.
  public func readAll(limit: Int, of object: String) throws(SystemCallError) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count < limit {
      let count = try SystemCall.make("pread", on: object) {
        chunk.withUnsafeMutableBytes { kernel.pread(rawValue, $0, offset: UInt64(bytes.count)) }
      }
      if count == 0 { break }
      bytes += chunk[..<min(count, limit - bytes.count)]
    }
    return bytes
  }
}
