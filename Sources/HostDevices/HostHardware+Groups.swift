// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

/// What the kernel says when an IOMMU group's node is opened.
enum GroupUse: Hashable {
  /// Nobody has it.
  case free
  /// Somebody has it, or a device of it, open.
  case busy
  /// There is no such node, or it may not be opened.
  case unknown
}

extension HostHardware {
  /// Whether somebody uses a group, found out by opening its node for a moment: a group opens once,
  /// and not while a device of it is open by its own node.
  func use(ofGroupNode node: String) -> GroupUse {
    do {
      _ = try OwnedFileDescriptor.open(
        sysfs.location(node), flags: O_RDWR | O_NONBLOCK, kernel: sysfs.kernel)
      return .free
    } catch {
      return error.errno == .resourceBusy ? .busy : .unknown
    }
  }
}
