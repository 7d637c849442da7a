// SPDX-License-Identifier: Apache-2.0

import HostDevices
import LinuxSystem
import SystemPackage

/// A host that `--root` names, or this one.
enum CapturedHost {
  static func at(_ root: String?) throws -> HostHardware {
    guard let root else { return HostHardware() }
    guard FileTree.exists("\(root)/sys") else {
      throw Failure(
        "\(root): no captured tree, as there is no \(root)/sys; make one with Scripts/capture-host")
    }
    return HostHardware(root: FilePath(root))
  }
}
