// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

extension HostHardware {
  /// Which device an open VFIO device descriptor is of, as far as the kernel tells: one by its own
  /// node has a number that sysfs knows (`/sys/dev/char`), one out of a group tells its folder in
  /// `/proc/self/fdinfo` from Linux 6.17 on.
  ///
  /// - Parameter descriptor: of this process; borrowed.
  /// - Returns: the device's name on its bus, an mdev's UUID or a PCI address; `nil` where the kernel
  ///   does not tell, and for whatever is no VFIO device.
  public func deviceName(ofDescriptor descriptor: Int32) -> String? {
    var major: UInt32 = 0
    var minor: UInt32 = 0
    guard vgpu_character_device(descriptor, &major, &minor) < 0 else {
      // .../<name>/vfio-dev/vfio0
      let parts = sysfs.resolve("/sys/dev/char/\(major):\(minor)")?.split(separator: "/") ?? []
      guard parts.count > 3, parts[parts.count - 2] == "vfio-dev" else { return nil }
      return name(String(parts[parts.count - 3]))
    }
    // Other files' lines there can hold what a user has written, such as a dma-buf's name.
    guard
      FileTree.linkTarget(of: sysfs.location("/proc/self/fd/\(descriptor)"))
        == "anon_inode:[vfio-device]"
    else { return nil }
    let line = sysfs.lines("/proc/self/fdinfo/\(descriptor)")
      .first { $0.hasPrefix("vfio-device-syspath: /sys/") }
    return line?.split(separator: "/").last.flatMap { name(String($0)) }
  }

  private func name(_ text: String) -> String? { Sysfs.isName(text) ? text : nil }
}
