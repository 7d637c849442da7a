// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// Asks every 5 ms until the answer is yes; at least once, and for no longer than `timeout`. sysfs
/// tells nobody when a folder comes or goes (inotify does not work there).
func waitUntil(_ timeout: Duration, _ condition: () -> Bool) -> Bool {
  let start = MonotonicInstant.now
  let seconds = timeout / .seconds(1)
  while true {
    if condition() { return true }
    if MonotonicInstant.now.seconds(since: start) >= seconds { return false }
    var pause = timespec(tv_sec: 0, tv_nsec: 5_000_000)
    nanosleep(&pause, nil)
  }
}
