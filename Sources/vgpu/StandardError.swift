// SPDX-License-Identifier: Apache-2.0

import SystemPackage

/// Where a command speaks to the person; its result goes to standard output.
enum StandardError {
  static func write(_ text: String) {
    // Nobody is left to be told that it cannot be told.
    _ = try? FileDescriptor.standardError.writeAll(Array(text.utf8))
  }
}
