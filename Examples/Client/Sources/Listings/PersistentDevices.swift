// SPDX-License-Identifier: Apache-2.0

import PersistentDevices

func persistentVGPU() throws {
  let vGPUs = try PersistentVGPUs()
  let device = try vGPUs.create(type: "i915-GVTg_V5_4", start: .auto)
  print(device.uuid)
}
