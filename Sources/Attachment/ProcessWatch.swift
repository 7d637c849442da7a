// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// Notices the end of a process (pidfd_open(2)), and is not fooled when its number is used again.
struct ProcessWatch: ~Copyable {
  private let pidfd: OwnedFileDescriptor

  init(_ pid: Int32) throws(SystemCallError) {
    let kernel = RunningKernel()
    let fd = try SystemCall.make("pidfd_open", on: "process \(pid)") { kernel.openProcess(pid) }
    pidfd = OwnedFileDescriptor(owning: Int32(fd), kernel: kernel)
  }

  /// A pidfd becomes readable as its process ends.
  var hasEnded: Bool {
    var entry = pollfd(fd: pidfd.rawValue, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) > 0
  }
}
