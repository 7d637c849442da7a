// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// The state of its own process that a program needs when it starts guests. The program may have
/// inherited another state.
public enum ProcessState {
  /// Opens closed standard descriptors to `/dev/null`, and makes the kernel report how children end
  /// (SIGCHLD). Call this before anything else. Ends the program when `/dev/null` cannot be opened.
  public static func repair() {
    // Otherwise a file that the program opens would become its standard input or output: a warning
    // would be written into it, and a guest would get /dev/null in its place.
    for descriptor in Int32(0)...2 where vgpu_fcntl(descriptor, F_GETFD, 0) < 0 {
      // open(2) returns the lowest free number, which is this one.
      guard vgpu_open("/dev/null", O_RDWR) == Int(descriptor) else { _exit(EXIT_FAILURE) }
    }
    // When SIGCHLD is ignored, the kernel tells nobody how a child ended.
    signal(SIGCHLD, SIG_DFL)
  }
}

/// How much memory this user's processes may lock (RLIMIT_MEMLOCK). A vGPU's driver locks the
/// guest's memory that it reads; for a device that is passed through, the kernel locks all of it.
enum LockedMemory {
  /// The limit in MiB when it is below a guest's memory; `nil` when it is not, and for root, who
  /// has no limit.
  static func limit(below mebibytes: Int) -> Int? {
    var limit = rlimit()
    guard geteuid() != 0, getrlimit(__rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue), &limit) == 0,
      limit.rlim_cur != rlim_t.max, limit.rlim_cur >> 20 < mebibytes
    else { return nil }
    return Int(limit.rlim_cur >> 20)
  }
}
