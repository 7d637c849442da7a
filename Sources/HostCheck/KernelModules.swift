// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Which modules the kernel has: loaded (`/proc/modules`), or built in (`modules.builtin`, or a folder
/// in `/sys/module`).
struct KernelModules: Sendable {
  private let loaded: Set<Substring>
  private let builtIn: Set<String>
  private let files: Sysfs

  init(files: Sysfs, release: String) {
    self.files = files
    loaded = Set(files.lines("/proc/modules").compactMap { $0.split(separator: " ").first })
    let folders = ["/lib/modules", "/usr/lib/modules"].map { "\($0)/\(release)/modules.builtin" }
    builtIn = Set(
      folders.lazy.map { files.lines($0) }.first { !$0.isEmpty }?.compactMap { line in
        line.split(separator: "/").last?.split(separator: ".").first
          .map { String($0.map { $0 == "-" ? "_" : $0 }) }
      } ?? [])
  }

  /// Whether a module is a part of the kernel itself.
  ///
  /// - Parameter name: with underscores, as the kernel writes it.
  func isBuiltIn(_ name: String) -> Bool { builtIn.contains(name) }

  /// - Parameter name: with underscores, as the kernel writes it.
  func has(_ name: String) -> Bool {
    loaded.contains(name[...]) || builtIn.contains(name) || files.exists("/sys/module/\(name)")
  }
}
