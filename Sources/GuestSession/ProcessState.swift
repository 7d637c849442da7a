// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// What a program that starts guests relies on, and whoever starts the program can have left
/// otherwise.
public enum ProcessState {
  /// Opens standard descriptors that are closed, to `/dev/null`, and lets the kernel tell how children
  /// end (SIGCHLD). To be called before anything else is done; ends the program where `/dev/null`
  /// cannot be opened.
  public static func repair() {
    // A file that the program opens would become its standard input or output: a warning would be
    // written into it, and a guest be handed /dev/null in its place.
    for descriptor in Int32(0)...2 where vgpu_fcntl(descriptor, F_GETFD, 0) < 0 {
      // The lowest free number, which is this one.
      guard vgpu_open("/dev/null", O_RDWR) == Int(descriptor) else { _exit(EXIT_FAILURE) }
    }
    // Ignored, the kernel tells nobody how a child ended.
    signal(SIGCHLD, SIG_DFL)
  }
}

/// How much memory this user's processes may keep from being moved (RLIMIT_MEMLOCK): a vGPU's driver
/// does that with what it reads of the guest's, and the kernel with all of it for a device that is
/// passed through.
enum LockedMemory {
  /// The limit in MiB where it is below a guest's memory; `nil` where it is not, and for root, who
  /// has none.
  static func limit(below mebibytes: Int) -> Int? {
    var limit = rlimit()
    guard geteuid() != 0, getrlimit(__rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue), &limit) == 0,
      limit.rlim_cur != rlim_t.max, limit.rlim_cur >> 20 < mebibytes
    else { return nil }
    return Int(limit.rlim_cur >> 20)
  }
}
