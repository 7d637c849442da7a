// SPDX-License-Identifier: Apache-2.0

import Attachment
import BridgeProtocol
import BridgeServer
import HostDevices

/// The vGPUs that a bridge shows: those named, or those that there are.
final class BridgeCatalogue {
  /// What was named.
  struct Contents {
    var targets: [Target]
    /// Devices that the bridge opens itself.
    var opened: [MdevUUID]
    /// Devices that were handed over.
    var handed: [HandedDevice]

    /// Those that are known by their UUID.
    var vGPUs: [MdevUUID] {
      targets.compactMap { if case .mdev(let uuid) = $0 { uuid } else { nil } } + opened
        + handed.map(\.vGPU)
    }

    /// Whether nothing was named, so that all of the host's are meant.
    var isEmpty: Bool { targets.isEmpty && opened.isEmpty && handed.isEmpty }

    /// Whether other processes must be looked into.
    var needsProcesses: Bool { isEmpty || targets.contains { $0 != .demo } }
  }

  private let rules: [AccessRule]
  private let starter: UInt32
  private let allowsResize: Bool
  private let host = HostHardware()
  private var named: [BridgedVGPU]?
  private var found: [MdevUUID: BridgedVGPU] = [:]

  /// Opens what is to be opened, takes over what was handed over, and begins to look at what was
  /// named, so that what is wrong with any of it is an error now.
  init(
    _ contents: Contents, rules: [AccessRule], starter: UInt32, allowsResize: Bool
  ) throws {
    self.rules = rules
    self.starter = starter
    self.allowsResize = allowsResize
    guard !contents.isEmpty else { return }
    let opened = try contents.opened.map {
      vGPU(
        .mdev($0), try BridgedDevice(opening: $0, controlsMonitor: allowsResize, on: host))
    }
    let handed = try contents.handed.map {
      vGPU(.mdev($0.vGPU), try BridgedDevice($0, controlsMonitor: allowsResize, on: host))
    }
    let all = contents.targets.map { vGPU($0, BridgedDevice()) } + opened + handed
    for vGPU in all { try vGPU.attach() }
    named = all
  }

  /// Those that there are now. One that has gone and come again is the same.
  func vGPUs() -> [BridgedVGPU] {
    if let named { return named }
    // When the host cannot tell, those that are known are shown on.
    guard let devices = try? host.devices() else { return Array(found.values) }
    return devices.map { device in
      let vGPU = found[device.uuid] ?? vGPU(.mdev(device.uuid), BridgedDevice())
      found[device.uuid] = vGPU
      return vGPU
    }
  }

  private func vGPU(_ target: Target, _ device: BridgedDevice) -> BridgedVGPU {
    let uuid: MdevUUID? = if case .mdev(let uuid) = target { uuid } else { nil }
    let allowed = rules.filter { $0.concerns(uuid) }.map(\.principal)
    let allowsResize = allowsResize
    return BridgedVGPU(
      identifier: uuid ?? .random(), title: "\(target)",
      policy: AccessPolicy(allowed: Set(allowed + [.user(starter)])),
      source: { try device.source(of: target, controlsMonitor: allowsResize) },
      monitor: { allowsResize ? device.monitor : nil })
  }
}
