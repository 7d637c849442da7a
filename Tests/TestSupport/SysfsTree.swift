// SPDX-License-Identifier: Apache-2.0

public import Foundation
import LinuxSystem
import Testing

/// A folder that looks like a machine's `/sys`, `/dev` and `/proc`, removed with this object. Paths
/// are the machine's.
public final class SysfsTree: Sendable {
  /// Where it lies on this machine.
  public let root: String

  public init() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "sysfs-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    root = try #require(FileTree.realPath(of: folder.path))
  }

  deinit { try? FileManager.default.removeItem(atPath: root) }

  public func location(_ path: String) -> String { root + path }

  public func folder(_ path: String) throws {
    try FileManager.default.createDirectory(
      atPath: location(path), withIntermediateDirectories: true)
  }

  public func file(_ path: String, _ text: String = "") throws {
    try file(path, bytes: Data(text.utf8))
  }

  public func file(_ path: String, bytes: Data) throws {
    try folder(parent(path))
    try bytes.write(to: URL(filePath: location(path)))
  }

  /// A link as sysfs has them, relative to its own folder.
  public func link(_ path: String, to target: String) throws {
    let depth = path.split(separator: "/").count - 1
    try rawLink(
      path, to: String(repeating: "../", count: depth) + target.drop { $0 == "/" })
  }

  public func rawLink(_ path: String, to target: String) throws {
    try folder(parent(path))
    try FileManager.default.createSymbolicLink(
      atPath: location(path), withDestinationPath: target)
  }

  /// Gives a class's device the number of a character device that this machine has, such as
  /// `/dev/null`.
  public func number(_ folder: String, asOf device: String) throws {
    var file = stat()
    try #require(stat(device, &file) == 0)
    let number = DeviceNumber(
      major: UInt32(file.st_rdev >> 8 & 0xfff), minor: UInt32(file.st_rdev & 0xff))
    try self.file("\(folder)/dev", "\(number)\n")
  }

  /// A process that has a file open, which leads to `device` and reads like `name`.
  public func process(
    _ pid: Int32, has descriptor: Int32, of device: String, as name: String,
    flags: String = "0100002"
  ) throws {
    let place = "/opened/\(pid)/\(descriptor)\(name)"
    try rawLink(place, to: device)
    try rawLink("/proc/\(pid)/fd/\(descriptor)", to: location(place))
    try file("/proc/\(pid)/fdinfo/\(descriptor)", "pos:\t0\nflags:\t\(flags)\n")
  }

  public func remove(_ path: String) throws {
    try FileManager.default.removeItem(atPath: location(path))
  }

  /// Every file, folder and link below the root, sorted.
  public func everything() -> [String] {
    (FileManager.default.enumerator(atPath: root)?.compactMap { ($0 as? String).map { "/" + $0 } }
      ?? []).sorted()
  }

  private func parent(_ path: String) -> String {
    String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
  }
}
