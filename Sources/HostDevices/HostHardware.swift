// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LinuxSystem
public import SystemPackage

/// The host's hardware for vGPUs, read from sysfs at every call: PCI functions, IOMMU groups, mdev
/// parents, the types that they offer, and the existing mdevs.
///
/// Lists are sorted. A list leaves out a device that comes or goes during the read, or whose files
/// make no sense. A single file that makes no sense leaves its property `nil`. A missing folder is
/// an empty list, because sysfs means "none" by it. A folder that this user may not read is an
/// error.
public struct HostHardware: Sendable {
  package let sysfs: Sysfs

  /// Looks at the tree under `root`, which holds `sys` and `dev`.
  ///
  /// - Parameters:
  ///   - root: `/` for this machine; another folder for a tree that was captured elsewhere. The
  ///     paths in the values are those of the captured machine in both cases.
  ///   - kernel: opens, reads and writes the files.
  public init(root: FilePath = "/", kernel: any Kernel = RunningKernel()) {
    sysfs = Sysfs(root: root, kernel: kernel)
  }

  /// The paths that render nodes can have (DRM's minor numbers 128 to 191), in the order in which
  /// QEMU looks for one.
  package static let renderNodes = (128..<192).map { "/dev/dri/renderD\($0)" }

  /// Whether this user may open a node for reading and writing (access(2)).
  package func mayOpen(_ node: String) -> Bool {
    access(sysfs.location(node), R_OK | W_OK) == 0
  }
}
