// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How many descriptors this process may have. The usual limit is kept low for programs that use
/// select(2), which nothing here does.
enum DescriptorLimit {
  /// setrlimit(2): as many as the administrator allows.
  static func raise() {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    // Without it there are fewer clients.
    _ = setrlimit(resource, &limit)
  }
}
