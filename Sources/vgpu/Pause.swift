// SPDX-License-Identifier: Apache-2.0

import CLinux

/// nanosleep(2), for a command that has nothing else to do meanwhile.
func pause(seconds: Double) {
  var time = timespec(
    tv_sec: Int(seconds), tv_nsec: Int((seconds - seconds.rounded(.down)) * 1e9))
  nanosleep(&time, nil)
}
