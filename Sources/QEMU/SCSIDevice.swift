// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem

/// A SCSI device of the host that a guest gets with all its commands, such as an optical drive,
/// SATA's among them.
public struct SCSIDevice: Hashable, Sendable {
  /// Its node of Linux's SCSI generic driver, such as `/dev/sg0`.
  public let genericNode: String
  /// The number of its host adapter.
  public let host: Int
  /// Its channel (bus) there.
  public let channel: Int
  /// Its target number.
  public let target: Int
  /// Its logical unit.
  public let unit: Int

  /// Makes a device of its parts.
  public init(genericNode: String, host: Int, channel: Int, target: Int, unit: Int) {
    self.genericNode = genericNode
    self.host = host
    self.channel = channel
    self.target = target
    self.unit = unit
  }

  /// Finds a device by any of its nodes: `/dev/sr0`, `/dev/sg0`, `/dev/sda`, or a link to one.
  ///
  /// - Parameters:
  ///   - path: the node.
  ///   - root: where `sys` and `dev` are.
  /// - Throws: `QEMUError.host`.
  public init(node path: String, root: String = "") throws(QEMUError) {
    guard let real = FileTree.realPath(of: root + path), let name = real.split(separator: "/").last
    else {
      throw .host(path, reason: "no such device; lsscsi -g lists SCSI devices")
    }
    let classes = ["block", "scsi_generic"].map { "\(root)/sys/class/\($0)/\(name)/device" }
    guard let device = classes.lazy.compactMap({ FileTree.realPath(of: $0) }).first,
      let address = Self.address(device)
    else {
      throw .host(path, reason: "no SCSI device; lsscsi -g lists them")
    }
    let generic = ((try? FileTree.names(in: "\(device)/scsi_generic")) ?? []).sorted()
    guard let generic = generic.first else {
      throw .host(path, reason: "has no generic node; load its driver (modprobe sg)")
    }
    self.init(
      genericNode: "/dev/\(generic)", host: address[0], channel: address[1], target: address[2],
      unit: address[3])
  }

  /// Whether this user may hand it to a guest.
  ///
  /// - Parameter root: where `dev` is.
  /// - Throws: `QEMUError.host`.
  public func check(root: String = "") throws(QEMUError) {
    guard access(root + genericNode, R_OK | W_OK) == 0 else {
      throw .host(
        genericNode,
        reason: "may not be opened for writing; run as root, or join its group (ls -l tells which)")
    }
  }

  /// The numbers in a device's folder's name, `0:0:0:0`.
  private static func address(_ folder: String) -> [Int]? {
    guard let name = folder.split(separator: "/").last else { return nil }
    let parts = name.split(separator: ":", omittingEmptySubsequences: false)
      .compactMap { UInt32($0).map(Int.init) }
    return parts.count == 4 ? parts : nil
  }
}
