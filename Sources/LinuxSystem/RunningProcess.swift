// SPDX-License-Identifier: Apache-2.0

import CLinux
import SystemPackage

/// A process that is not mistaken for another (pidfd_open(2)): a number alone can be used again by
/// the next one between two looks. Everything that is found out about it or taken from it goes by
/// this one object.
public final class RunningProcess: Sendable {
  /// Its number, which is its own as long as it has not ended.
  public let pid: Int32
  private let pidfd: OwnedFileDescriptor

  /// - Parameters:
  ///   - pid: its number now.
  ///   - kernel: answers the system calls, for tests.
  /// - Throws: `SystemCallError`: ESRCH when there is no such process.
  public init(_ pid: Int32, kernel: any Kernel = RunningKernel()) throws(SystemCallError) {
    let fd = try SystemCall.make("pidfd_open", on: "process \(pid)") { kernel.openProcess(pid) }
    self.pid = pid
    pidfd = OwnedFileDescriptor(owning: Int32(fd), kernel: kernel)
  }

  /// The pidfd's number; the descriptor stays this object's.
  package var rawValue: Int32 { pidfd.rawValue }

  /// Whether it has ended, waited for by its parent or not.
  public var hasEnded: Bool {
    // A pidfd becomes readable as its process ends.
    var entry = pollfd(fd: pidfd.rawValue, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) > 0
  }

  /// Reads files of `/proc/PID`, given the number: what was read is of this process and of no later
  /// one.
  ///
  /// - Returns: `nil` when the process has ended meanwhile.
  public func reading<Value, Failure: Error>(
    _ body: (Int32) throws(Failure) -> Value
  ) throws(Failure) -> Value? {
    // Its number can be given to another only after it has ended: it has not, so `body` has read its
    // own files.
    let value = try body(pid)
    return hasEnded ? nil : value
  }

  /// pidfd_getfd(2), Linux 5.6: a duplicate of one of its descriptors, close-on-exec from birth.
  ///
  /// - Throws: `SystemCallError`: EPERM without the right to trace the process, ESRCH when it has
  ///   ended, EBADF when it has closed the descriptor.
  public func duplicate(descriptor number: Int32) throws(SystemCallError) -> OwnedFileDescriptor {
    let fd = try SystemCall.make("pidfd_getfd", on: "process \(pid), descriptor \(number)") {
      pidfd.kernel.duplicate(number, fromProcess: pidfd.rawValue)
    }
    return OwnedFileDescriptor(owning: Int32(fd), kernel: pidfd.kernel)
  }

  /// Whether one of its descriptors still is of the open file of which this process has a duplicate
  /// (kcmp(2)).
  ///
  /// - Returns: `nil` when the kernel does not tell: no such call, or no right to trace the process
  ///   any more.
  public func holds(
    descriptor number: Int32, ofSameFileAs duplicate: borrowing OwnedFileDescriptor
  ) -> Bool? {
    let fd = duplicate.rawValue
    let answer = SystemCall.uninterrupted { vgpu_compare_files(fd, pid, number) }
    if answer >= 0 { return answer == 0 }
    return SystemCall.errno(answer) == .badFileDescriptor ? false : nil
  }

  /// Whether one of its descriptors still is of a character device: the same open
  /// file, where the device can be open once at most.
  ///
  /// - Returns: `nil` when that may not be looked at any more.
  public func holds(descriptor number: Int32, of device: DeviceNumber) -> Bool? {
    var file = vgpu_file_status()
    let answer = vgpu_file_status(AT_FDCWD, "/proc/\(pid)/fd/\(number)", &file)
    if answer == 0 { return FileStatus(file) == .characterDevice(device) }
    return SystemCall.errno(answer) == .noSuchFileOrDirectory ? false : nil
  }
}
