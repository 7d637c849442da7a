// SPDX-License-Identifier: Apache-2.0

import GuestSession
import QEMU

extension GuestPlan {
  /// A small guest named `guest`.
  ///
  /// - Parameter extra: QEMU's words, such as `-S`, which holds the processor.
  static func small(_ extra: [String]) -> GuestPlan {
    var plan = GuestPlan()
    plan.name = "guest"
    plan.memory = 64
    plan.cpus = 1
    plan.network = .none
    // The KVM of a test machine may be unfit for a guest.
    plan.hasKVM = false
    plan.extra = extra
    return plan
  }
}
