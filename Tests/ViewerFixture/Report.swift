// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Prints a line at once: who reads along must not wait for a buffer to fill.
func report(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = write(1, bytes, bytes.count)
}
