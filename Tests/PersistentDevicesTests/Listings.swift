// SPDX-License-Identifier: Apache-2.0

import HostDevices
import PersistentDevices

/// The listing of the catalogue's article, which compiles and which nobody calls.
private func keepAVGPU() throws {
  let vGPUs = try PersistentVGPUs()
  let device = try vGPUs.create(type: "i915-GVTg_V5_4", start: .auto)
  print(device.uuid)
}
