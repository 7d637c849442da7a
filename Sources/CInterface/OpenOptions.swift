// SPDX-License-Identifier: Apache-2.0

import CVGPU

/// `VGPU_OPEN_*`, checked.
package struct OpenOptions {
  package let waits: Bool
  package let controlsMonitor: Bool

  package init(_ flags: UInt32) throws(Failure) {
    let known = UInt32(VGPU_OPEN_WAIT | VGPU_OPEN_MONITOR)
    guard flags & ~known == 0 else {
      throw Failure(.argument, "flags \(flags): more than VGPU_OPEN_*; leave the others out")
    }
    waits = flags & UInt32(VGPU_OPEN_WAIT) != 0
    controlsMonitor = flags & UInt32(VGPU_OPEN_MONITOR) != 0
  }
}
