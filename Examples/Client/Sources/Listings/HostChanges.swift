// SPDX-License-Identifier: Apache-2.0

import HostChanges

func newVGPU() throws {
  let made = try HostChange.createMdev(type: "i915-GVTg_V5_4").carryOut(asking: .installed).made
  print(made)
}
