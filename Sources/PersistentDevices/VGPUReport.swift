// SPDX-License-Identifier: Apache-2.0

public import HostDevices

/// What a host knows of one vGPU: it exists now, or it survives reboots and is not running.
///
/// In JSON: the keys of `MdevDevice`, `pids` for the processes that use it, `persistence` for when the
/// host makes it again, and `isRunning`. What a vGPU does not have, because it does not run or does not
/// survive a reboot, is null.
public enum VGPUReport: Encodable, Sendable {
  /// It exists.
  ///
  /// - users: the processes that have it open.
  /// - lasting: when the host makes it again; `nil` when it does not survive a reboot.
  case running(MdevDevice, users: [Int32], lasting: PersistentVGPU.Start?)
  /// mdevctl keeps it, and it does not exist now.
  case stopped(PersistentVGPU)

  /// All vGPUs of a host: those that exist, in `HostHardware`'s order, then the others by UUID.
  ///
  /// - Parameters:
  ///   - host: whose vGPUs.
  ///   - persistent: those that survive reboots.
  /// - Throws: `HostDevicesError`.
  public static func all(
    on host: HostHardware, persistent: [PersistentVGPU]
  ) throws(HostDevicesError) -> [VGPUReport] {
    var rest = Dictionary(persistent.map { ($0.uuid, $0) }, uniquingKeysWith: { $1 })
    let running = try host.devices().map { device in
      VGPUReport.running(
        device, users: host.users(of: device.uuid),
        lasting: rest.removeValue(forKey: device.uuid)?.start)
    }
    return running + rest.values.sorted { "\($0.uuid)" < "\($1.uuid)" }.map { .stopped($0) }
  }

  private enum Key: String, CodingKey {
    case pids, persistence, isRunning
  }

  private enum DeviceKey: String, CodingKey, CaseIterable {
    case uuid, type, parent, parentPCIAddress, path, iommuGroup, groupNode, deviceNode, driver,
      renderNode
  }

  /// Writes the object that the type describes.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: Key.self)
    switch self {
    case .running(let device, let users, let lasting):
      try device.encode(to: encoder)
      try values.encode(users, forKey: .pids)
      try values.encode(lasting, forKey: .persistence)
      try values.encode(true, forKey: .isRunning)
    case .stopped(let vGPU):
      var device = encoder.container(keyedBy: DeviceKey.self)
      for key in DeviceKey.allCases { try device.encodeNil(forKey: key) }
      try device.encode(vGPU.uuid, forKey: .uuid)
      try device.encode(vGPU.type, forKey: .type)
      try device.encode(vGPU.parent, forKey: .parent)
      try values.encode([Int32](), forKey: .pids)
      try values.encode(vGPU.start, forKey: .persistence)
      try values.encode(false, forKey: .isRunning)
    }
  }
}
