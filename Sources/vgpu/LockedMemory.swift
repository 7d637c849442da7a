// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// How much memory this user's processes may keep from being moved (RLIMIT_MEMLOCK): a vGPU's driver
/// does that with what it reads of the guest's, and the kernel with all of it for a device that is
/// passed through.
enum LockedMemory {
  /// What to tell a user whose limit is below a guest's memory; `nil` where it is not, and for root,
  /// who has none.
  static func warning(mebibytes: Int) -> String? {
    var limit = rlimit()
    guard geteuid() != 0, getrlimit(__rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue), &limit) == 0,
      limit.rlim_cur != rlim_t.max, limit.rlim_cur >> 20 < mebibytes
    else { return nil }
    return """
      you may lock \(limit.rlim_cur >> 20) MiB of memory, of which the guest's GPU can need as much as \
      the guest has; if the guest fails, raise `memlock` in /etc/security/limits.conf
      """
  }
}
