// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// The verdict on a device node that the user must be able to open.
enum NodeVerdict {
  static func of(
    _ path: String, _ machine: Machine, missing: String, forbidden: String
  ) -> Verdict {
    guard machine.files.exists(path) else { return .fail("missing", remedy: missing) }
    guard let live = machine.live else {
      return .ok("it exists; a captured tree does not show who may use it")
    }
    return live.mayUse(path)
      ? .ok("you may use it") : .fail("you may not use it", remedy: forbidden)
  }
}
