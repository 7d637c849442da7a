// SPDX-License-Identifier: Apache-2.0

import Attachment
import BridgeProtocol
import BridgeServer
import EDID
import HostDevices

/// The vGPUs that a bridge shows: those named, or those that there are.
final class BridgeCatalogue {
  private let rules: [AccessRule]
  private let starter: UInt32
  private let allowsResize: Bool
  private let host = HostDevices()
  private let named: [BridgedVGPU]?
  private var found: [MdevUUID: BridgedVGPU] = [:]

  init(targets: [Target], rules: [AccessRule], starter: UInt32, allowsResize: Bool) {
    self.rules = rules
    self.starter = starter
    self.allowsResize = allowsResize
    named =
      targets.isEmpty
      ? nil
      : targets.map { Self.vGPU($0, rules: rules, starter: starter, allowsResize: allowsResize) }
  }

  /// Begins to look at those that were named.
  func attach() throws {
    for vGPU in named ?? [] { try vGPU.attach() }
  }

  /// Those that there are now. One that has gone and come again is the same.
  func vGPUs() -> [BridgedVGPU] {
    if let named { return named }
    // When the host cannot tell, those that are known are shown on.
    guard let devices = try? host.devices() else { return Array(found.values) }
    return devices.map { device in
      let vGPU =
        found[device.uuid]
        ?? Self.vGPU(
          .mdev(device.uuid), rules: rules, starter: starter, allowsResize: allowsResize)
      found[device.uuid] = vGPU
      return vGPU
    }
  }

  private static func vGPU(
    _ target: Target, rules: [AccessRule], starter: UInt32, allowsResize: Bool
  ) -> BridgedVGPU {
    let uuid: MdevUUID? = if case .mdev(let uuid) = target { uuid } else { nil }
    let allowed = rules.filter { $0.concerns(uuid) }.map(\.principal)
    let attachment = Attachment()
    return BridgedVGPU(
      identifier: VGPUIdentifier("\(uuid ?? .random())") ?? .only, title: "\(target)",
      policy: AccessPolicy(allowed: Set(allowed + [.user(starter)])),
      source: {
        let source = try AttachedSource(target, waiting: true, controlsMonitor: allowsResize)
        attachment.source = source
        return source
      },
      monitor: { allowsResize ? attachment.monitor : nil })
  }

  /// A vGPU's source, once somebody looks at it.
  private final class Attachment {
    var source: AttachedSource?

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
}
