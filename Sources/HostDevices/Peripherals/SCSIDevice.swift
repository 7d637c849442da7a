// SPDX-License-Identifier: Apache-2.0

package import ErrorKinds
import LinuxSystem

/// A SCSI device of the host (optical drives on SATA too) that a guest can have with all its
/// commands, by the node of Linux's SCSI generic driver.
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
  /// Whether it is a CD, DVD or BD drive (SCSI's peripheral device type 5).
  public let isOptical: Bool

  /// Makes a device from its parts.
  public init(
    genericNode: String, host: Int, channel: Int, target: Int, unit: Int, isOptical: Bool = true
  ) {
    self.genericNode = genericNode
    self.host = host
    self.channel = channel
    self.target = target
    self.unit = unit
    self.isOptical = isOptical
  }
}

/// Why a node belongs to no SCSI device, or is of no use.
@nonexhaustive
public enum SCSIDeviceDefect: Error, Hashable, Sendable {
  /// The node does not exist.
  case missing(String)
  /// The node belongs to another kind of device.
  case notSCSI(String)
  /// The kernel offers no SCSI generic node for it: its driver, `sg`, is not loaded.
  case noGenericNode(String)
}

extension SCSIDeviceDefect: ClassifiedError {
  package var errorClass: ErrorClass {
    switch self {
    case .missing: .notFound
    case .notSCSI: .unsupported
    case .noGenericNode: .other
    }
  }
}

extension SCSIDeviceDefect: CustomStringConvertible {
  /// One line: object, cause, remedy.
  public var description: String {
    switch self {
    case .missing(let node):
      "\(node): no such device; lsscsi -g lists SCSI devices"
    case .notSCSI(let node):
      """
      \(node): no SCSI device; lsscsi -g lists them, and a disk that is none is given to a guest with \
      --disk as it starts
      """
    case .noGenericNode(let node):
      "\(node): has no SCSI generic node; load its driver (modprobe sg)"
    }
  }
}

extension HostHardware {
  /// Finds a device by any of its nodes: `/dev/sr0`, `/dev/sg0`, `/dev/sda`, `/dev/st0`, or a link
  /// to one.
  ///
  /// - Throws: `SCSIDeviceDefect`.
  public func scsiDevice(_ node: String) throws(SCSIDeviceDefect) -> SCSIDevice {
    let real = sysfs.resolve(node) ?? node
    guard real.hasPrefix("/dev/"), let name = real.split(separator: "/").last,
      let folder = ["block", "scsi_generic", "scsi_tape"].lazy
        .compactMap({ sysfs.resolve("/sys/class/\($0)/\(name)/device") }).first,
      // A SCSI number, which other block devices do not have.
      let type = sysfs.number("\(folder)/type"),
      let address = Self.scsiAddress(folder)
    else {
      let isThere = sysfs.exists(node) || sysfs.exists("/sys/class/block/\(node.dropFirst(5))")
      throw isThere ? .notSCSI(node) : .missing(node)
    }
    guard
      let generic = sysfs.readableNames(in: "\(folder)/scsi_generic")
        .first(where: { $0.hasPrefix("sg") })
    else { throw .noGenericNode(node) }
    return SCSIDevice(
      genericNode: "/dev/\(generic)", host: address[0], channel: address[1], target: address[2],
      unit: address[3], isOptical: type == 5)
  }

  /// The numbers in the name of a device's folder, `0:0:0:0`.
  private static func scsiAddress(_ folder: String) -> [Int]? {
    guard let name = folder.split(separator: "/").last else { return nil }
    let parts = name.split(separator: ":", omittingEmptySubsequences: false)
      .compactMap { UInt32($0).map(Int.init) }
    return parts.count == 4 ? parts : nil
  }
}
