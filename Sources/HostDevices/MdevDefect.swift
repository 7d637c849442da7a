// SPDX-License-Identifier: Apache-2.0

/// What a newly created mdev lacks.
public enum MdevDefect: Hashable, Sendable {
  /// It is not in `/sys/bus/mdev/devices`, or has no type there.
  case unlisted
  /// It has neither an IOMMU group nor a node of its own: no vfio driver took it.
  case noGroup
  /// The kernel speaks of a node that `/dev` does not have.
  case noNode(path: String)
}

extension MdevDefect: CustomStringConvertible {
  /// The cause and the remedy of an error's line.
  public var description: String {
    switch self {
    case .unlisted:
      "it did not appear in /sys/bus/mdev/devices; the kernel log (dmesg) tells why"
    case .noGroup:
      "no vfio driver took it: is drivers_autoprobe in /sys/bus/mdev at 1? See the kernel log (dmesg)"
    case .noNode(let path):
      "\(path) did not appear: is udev running, and is this /dev the host's?"
    }
  }
}
