// SPDX-License-Identifier: Apache-2.0

import CLinux
import SystemPackage

/// A process that cannot be mistaken for another (pidfd_open(2)). The kernel can give the number of
/// an ended process to a new one between two looks. So everything that is read about a process or
/// taken from it goes through this one object.
public final class RunningProcess: Sendable {
  /// Its number (pid), which belongs to it until it has ended.
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

  /// Whether it has ended, even if its parent has not waited for it.
  public var hasEnded: Bool {
    // A pidfd becomes readable when its process ends.
    var entry = pollfd(fd: pidfd.rawValue, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) > 0
  }

  /// Waits until it has ended, without a thread; returns earlier only when the task is cancelled. Its
  /// parent may not have waited for it then.
  public func waitForEnd() async { await ReadableDescriptor.wait(for: pidfd.rawValue) }

  /// Reads files of `/proc/PID`. `body` gets the number, and its result is sure to describe this
  /// process and no later one.
  ///
  /// - Returns: `nil` when the process has ended meanwhile.
  public func reading<Value, Failure: Error>(
    _ body: (Int32) throws(Failure) -> Value
  ) throws(Failure) -> Value? {
    // The kernel gives the number to another process only after this one has ended. It has not
    // ended, so `body` has read its files.
    let value = try body(pid)
    return hasEnded ? nil : value
  }

  /// pidfd_getfd(2), Linux 5.6: a duplicate of one of its descriptors, close-on-exec from birth.
  ///
  /// - Throws: `SystemCallError`: EPERM without the right to trace the process, ESRCH when the
  ///   process has ended, EBADF when the process has closed the descriptor.
  public func duplicate(descriptor number: Int32) throws(SystemCallError) -> OwnedFileDescriptor {
    let fd = try SystemCall.make("pidfd_getfd", on: "process \(pid), descriptor \(number)") {
      pidfd.kernel.duplicate(number, fromProcess: pidfd.rawValue)
    }
    return OwnedFileDescriptor(owning: Int32(fd), kernel: pidfd.kernel)
  }

  /// Whether one of its descriptors still belongs to the open file that this process has a
  /// duplicate of (kcmp(2)).
  ///
  /// - Returns: `nil` when the kernel does not tell, because it lacks the call or this user may no
  ///   longer trace the process.
  public func holds(
    descriptor number: Int32, ofSameFileAs duplicate: borrowing OwnedFileDescriptor
  ) -> Bool? {
    let fd = duplicate.rawValue
    let answer = SystemCall.uninterrupted { vgpu_compare_files(fd, pid, number) }
    if answer >= 0 { return answer == 0 }
    return SystemCall.errno(answer) == .badFileDescriptor ? false : nil
  }

  /// Whether one of its descriptors still belongs to a character device. For a device that can be
  /// open only once, that is the same open file.
  ///
  /// - Returns: `nil` when this user may no longer look at the descriptor.
  public func holds(descriptor number: Int32, of device: DeviceNumber) -> Bool? {
    var file = vgpu_file_status()
    let answer = vgpu_file_status(AT_FDCWD, "/proc/\(pid)/fd/\(number)", &file)
    if answer == 0 { return FileStatus(file) == .characterDevice(device) }
    return SystemCall.errno(answer) == .noSuchFileOrDirectory ? false : nil
  }
}
