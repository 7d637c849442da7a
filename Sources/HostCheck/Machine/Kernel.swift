// SPDX-License-Identifier: Apache-2.0

import CZlib
import HostDevices

#if !Zlib
  #error("HostCheck needs the trait Zlib of swift-vgpu, and zlib1g-dev")
#endif

/// The options that a kernel was built with: `/boot/config-RELEASE`, its modules' folder, or
/// `/proc/config.gz` (CONFIG_IKCONFIG_PROC).
struct KernelConfig: Sendable {
  /// The file that holds the options.
  let path: String
  private let values: [Substring: Substring]

  private static let largest = 8 << 20

  init?(files: Sysfs, release: String) {
    guard let (path, bytes) = Self.bytes(files, release) else { return nil }
    self.path = path
    var values: [Substring: Substring] = [:]
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      guard line.hasPrefix("CONFIG_"), let sign = line.firstIndex(of: "=") else { continue }
      values[line[..<sign]] = line[line.index(after: sign)...]
    }
    self.values = values
  }

  /// Whether an option is built in or a module.
  func has(_ option: String) -> Bool {
    let value = values["CONFIG_\(option)"]
    return value == "y" || value == "m"
  }

  private static func bytes(_ files: Sysfs, _ release: String) -> (String, [UInt8])? {
    for path in [
      "/boot/config-\(release)", "/lib/modules/\(release)/config",
      "/usr/lib/modules/\(release)/config",
    ] where !release.contains("/") {
      if let bytes = files.bytes(path, limit: largest) { return (path, bytes) }
    }
    let path = "/proc/config.gz"
    return files.bytes(path, limit: largest).flatMap(unpacked).map { (path, $0) }
  }

  private static func unpacked(_ packed: [UInt8]) -> [UInt8]? {
    var result = [UInt8](repeating: 0, count: largest)
    let count = packed.withUnsafeBytes { source in
      result.withUnsafeMutableBytes { target in
        vgpu_gunzip(source.baseAddress, source.count, target.baseAddress, target.count)
      }
    }
    return count < 0 ? nil : Array(result.prefix(count))
  }
}

/// The modules that the kernel has: loaded (`/proc/modules`), or built in (`modules.builtin`, or a
/// folder in `/sys/module`).
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

  /// Whether a module is built into the kernel.
  ///
  /// - Parameter name: with underscores, as the kernel writes it.
  func isBuiltIn(_ name: String) -> Bool { builtIn.contains(name) }

  /// - Parameter name: with underscores, as the kernel writes it.
  func has(_ name: String) -> Bool {
    loaded.contains(name[...]) || builtIn.contains(name) || files.exists("/sys/module/\(name)")
  }
}
