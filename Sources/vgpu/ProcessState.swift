// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// What a program relies on, and whoever starts it can have left otherwise.
enum ProcessState {
  /// To be called before anything else is done.
  static func repair() {
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
