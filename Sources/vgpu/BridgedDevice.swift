// SPDX-License-Identifier: Apache-2.0

import Attachment
import BridgeServer
import HostDevices
import LinuxSystem
import MonitorEDID
import VFIO

/// A vGPU's source as a bridge has it, from when somebody first looks, or from the start.
final class BridgedDevice {
  private(set) var source: AttachedSource?

  /// One whose process is looked for when somebody looks.
  init() {}

  /// Opens the device, by its own node where it has one, else by its group.
  init(opening uuid: MdevUUID, controlsMonitor: Bool, on host: HostHardware) throws {
    let vGPU = try Self.device(uuid, on: host)
    let owned: OwnedDevice
    if let node = vGPU.deviceNode {
      owned = try OwnedDevice(cdev: node)
    } else if let group = vGPU.iommuGroup {
      owned = try OwnedDevice(named: "\(uuid)", inGroup: group)
    } else {
      throw Failure("mdev:\(uuid): no vfio driver has it; make the vGPU anew")
    }
    source = try AttachedSource(
      owning: owned, of: vGPU, controlsMonitor: controlsMonitor, host: host)
  }

  /// Takes over an open device; what of it can do more than look is closed.
  init(_ device: HandedDevice, controlsMonitor: Bool, on host: HostHardware) throws {
    let vGPU = try Self.device(device.vGPU, on: host)
    source = try AttachedSource(
      showing: try Device(
        owning: OwnedFileDescriptor(owning: device.descriptor),
        name: "descriptor \(device.descriptor)"),
      of: vGPU, controlsMonitor: controlsMonitor, host: host)
  }

  private static func device(_ uuid: MdevUUID, on host: HostHardware) throws -> MdevDevice {
    guard let vGPU = host.device(uuid) else {
      throw AttachmentError.noSuchVGPU(uuid, existing: try host.devices().map(\.uuid))
    }
    return vGPU
  }

  /// The source, made of what a target is if there is none yet.
  func source(of target: Target, controlsMonitor: Bool) throws -> AttachedSource {
    if let source { return source }
    let source = try AttachedSource(target, waiting: true, controlsMonitor: controlsMonitor)
    self.source = source
    return source
  }

  /// The guest's monitor, if it can be exchanged.
  var monitor: BridgedVGPU.Monitor? {
    guard let source, let limits = source.monitorLimits else { return nil }
    let maximum = limits.width.flatMap { width in
      limits.height.map { height in (width: width, height: height) }
    }
    return BridgedVGPU.Monitor(maximum: maximum) { width, height in
      let (edid, mode) = try MonitorFollower.edid(DisplayMode(width: width, height: height))
      try source.plugIn(edid: edid.bytes, size: (mode.width, mode.height))
    }
  }
}
