// SPDX-License-Identifier: Apache-2.0

import Foundation
import HostDevices
import LinuxSystem
import SystemPackage
import Testing

/// A folder that looks like a machine's `/sys`, `/dev` and `/proc`, removed with this object. Paths
/// are the machine's.
final class SysfsTree: Sendable {
  let root: String

  init() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "sysfs-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    root = try #require(FileTree.realPath(of: folder.path))
  }

  deinit { try? FileManager.default.removeItem(atPath: root) }

  var host: HostDevices { HostDevices(root: FilePath(root)) }

  func location(_ path: String) -> String { root + path }

  func folder(_ path: String) throws {
    try FileManager.default.createDirectory(
      atPath: location(path), withIntermediateDirectories: true)
  }

  func file(_ path: String, _ text: String = "") throws { try file(path, bytes: Data(text.utf8)) }

  func file(_ path: String, bytes: Data) throws {
    try folder(parent(path))
    try bytes.write(to: URL(filePath: location(path)))
  }

  /// A link as sysfs has them, relative to its own folder.
  func link(_ path: String, to target: String) throws {
    let depth = path.split(separator: "/").count - 1
    try rawLink(
      path, to: String(repeating: "../", count: depth) + target.drop { $0 == "/" })
  }

  func rawLink(_ path: String, to target: String) throws {
    try folder(parent(path))
    try FileManager.default.createSymbolicLink(
      atPath: location(path), withDestinationPath: target)
  }

  func remove(_ path: String) throws { try FileManager.default.removeItem(atPath: location(path)) }

  /// Every file, folder and link below the root, sorted.
  func everything() -> [String] {
    (FileManager.default.enumerator(atPath: root)?.compactMap { ($0 as? String).map { "/" + $0 } }
      ?? []).sorted()
  }

  private func parent(_ path: String) -> String {
    String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
  }
}
