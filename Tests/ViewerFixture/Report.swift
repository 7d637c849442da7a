// SPDX-License-Identifier: Apache-2.0

import CGTK3
import Glibc

/// Prints a line at once: who reads along must not wait for a buffer to fill.
func report(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = write(1, bytes, bytes.count)
}

/// Calls `body` in GTK's loop with the words of each line of standard input.
@MainActor
func onOrders(_ body: @escaping @MainActor ([String]) -> Void) {
  orders = body
  g_unix_fd_add(
    0, G_IO_IN,
    { _, _, _ in
      var line: [UInt8] = []
      var byte: UInt8 = 0
      while read(0, &byte, 1) == 1, byte != 10 { line.append(byte) }
      let words = String(decoding: line, as: UTF8.self).split(separator: " ").map(String.init)
      MainActor.assumeIsolated { orders?(words) }
      return 1
    }, nil)
}

@MainActor private var orders: (@MainActor ([String]) -> Void)?
