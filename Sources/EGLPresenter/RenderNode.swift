// SPDX-License-Identifier: Apache-2.0

import Glibc

/// DRM render nodes as sysfs lists them.
public enum RenderNode {
  /// The render node of a PCI function's DRM driver: for a vGPU's parent, the GPU that can import
  /// the vGPU's buffers without a copy.
  ///
  /// - Parameters:
  ///   - address: such as `0000:00:02.0`.
  ///   - sysfs: where sysfs is mounted, for tests.
  /// - Returns: such as `/dev/dri/renderD128`; `nil` when the function has none.
  public static func path(ofPCIFunction address: String, sysfs: String = "/sys") -> String? {
    guard !address.contains("/"),
      let folder = opendir("\(sysfs)/bus/pci/devices/\(address)/drm")
    else { return nil }
    defer { closedir(folder) }
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasPrefix("renderD") { return "/dev/dri/\(name)" }
    }
    return nil
  }
}
