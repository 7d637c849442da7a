// SPDX-License-Identifier: Apache-2.0

import CInterface
import CLinux

/// Whether C keeps to the rule that Swift's callers keep by `@MainActor`.
func checkThread() throws(Failure) {
  guard vgpu_is_first_thread() != 0 else {
    throw Failure(
      .argument,
      "a view's function, called on another thread than the process's first; call it there")
  }
}
