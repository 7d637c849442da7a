// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// What a check says of a device node that the user must be able to open.
enum NodeVerdict {
  static func of(
    _ path: String, _ machine: Machine, missing: String, forbidden: String
  ) -> Verdict {
    guard machine.files.exists(path) else { return .fail("not there", remedy: missing) }
    guard let live = machine.live else {
      return .ok("there; who may use it does not show in a captured tree")
    }
    return live.mayUse(path) ? .ok("yours to use") : .fail("not yours to use", remedy: forbidden)
  }
}
