// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem
public import SystemPackage

/// What the host has for vGPUs, read from sysfs at every call: PCI functions, IOMMU groups, mdev
/// parents, the types that they offer, and the mdevs that there are.
///
/// Lists are sorted. A device that comes or goes while it is read, or whose files make no sense, is
/// left out of a list; a single file that makes no sense leaves its property `nil`. A folder that
/// is missing is an empty list, for that is how sysfs says "none"; a folder that may not be read is
/// an error.
public struct HostHardware: Sendable {
  package let sysfs: Sysfs

  /// Looks at the tree under `root`, which holds `sys` and `dev`.
  ///
  /// - Parameters:
  ///   - root: `/` for this machine; another folder for a tree that was captured elsewhere. The
  ///     values' paths are the machine's own in both cases.
  ///   - kernel: what opens, reads and writes the files.
  public init(root: FilePath = "/", kernel: any Kernel = RunningKernel()) {
    sysfs = Sysfs(root: root, kernel: kernel)
  }

  /// Whether this user may open a node for reading and writing (access(2)).
  package func mayOpen(_ node: String) -> Bool {
    access(sysfs.location(node), R_OK | W_OK) == 0
  }
}
