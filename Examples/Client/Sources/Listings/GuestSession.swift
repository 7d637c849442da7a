// SPDX-License-Identifier: Apache-2.0

import GuestSession
import QEMU

func guestFromItsStartToItsEnd(log: @escaping @Sendable (String) -> Void) async throws {
  var plan = GuestPlan(vGPU: .made(type: "i915-GVTg_V5_4"))
  plan.disks = [try NamedDisk(parsing: "linux.qcow2")]
  plan.memory = 8192
  let guest = try await RunningGuest.start(
    plan, with: try QEMUProgram.probe(), in: .user(program: "my-manager")
  ) { notice in log("\(notice)") }
  // ...
  try await guest.end(after: .seconds(60))
}
