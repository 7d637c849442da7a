// SPDX-License-Identifier: Apache-2.0

import HostDevices
import LinuxSystem
import SystemPackage

/// A host that `--root` names, or this one.
enum CapturedHost {
  static func at(_ root: String?) throws -> HostDevices {
    guard let root else { return HostDevices() }
    guard FileTree.exists("\(root)/sys") else {
      throw Failure(
        "\(root): no captured tree, as there is no \(root)/sys; make one with Scripts/capture-host")
    }
    return HostDevices(root: FilePath(root))
  }
}
