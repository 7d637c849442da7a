// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// How the kernel can be asked which vGPU a device is that was opened by its group.
enum DeviceIdentity {
  /// Whether a device that is open can be opened again by its group without its driver's noticing:
  /// from Linux 5.15 on a driver is told of the first opening and the last closing alone. i915's
  /// before that lost what it knew of the first.
  static let canReopen: Bool = {
    let release = ProcessStatus.text("/proc/sys/kernel/osrelease") ?? ""
    let parts = release.split(separator: ".", maxSplits: 2)
    guard parts.count > 1, let major = Int(parts[0]),
      let minor = Int(parts[1].prefix { $0.isASCII && $0.isNumber })
    else { return false }
    return (major, minor) >= (5, 15)
  }()
}
