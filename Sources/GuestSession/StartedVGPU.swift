// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// The vGPU of a guest that is started: an existing one, or one that is made for the guest and
/// removed with it.
struct StartedVGPU: Sendable {
  let device: MdevDevice
  let isMade: Bool
  private let host: HostHardware

  /// Finds the vGPU, which must be free, or makes it.
  init(
    _ vGPU: GuestPlan.VGPU, on host: HostHardware, _ onNotice: (GuestNotice) -> Void
  ) throws(GuestError) {
    self.host = host
    switch vGPU {
    case .made(let type):
      do {
        device = try host.create(type: type)
      } catch {
        throw .host(error)
      }
      isMade = true
      onNotice(.vGPUMade(device))
    case .existing(let uuid):
      guard let device = host.device(uuid) else {
        throw .host(.noSuchDevice(uuid, existing: (try? host.devices().map(\.uuid)) ?? []))
      }
      if let user = host.users(of: uuid).first { throw .vGPUInUse(uuid, process: user) }
      self.device = device
      isMade = false
    }
  }

  /// The vGPU of a guest that is only described: nothing is made, and the host may be another one.
  static func supposed(
    _ vGPU: GuestPlan.VGPU, on host: HostHardware, _ onNotice: (GuestNotice) -> Void
  ) -> MdevDevice {
    switch vGPU {
    case .made(let type):
      let device = MdevDevice(uuid: .random(), type: type)
      onNotice(
        .supposed(
          "a new UUID", reason: "make the vGPU: vgpu create \(type) --uuid \(device.uuid)"))
      return device
    case .existing(let uuid):
      if let device = host.device(uuid) { return device }
      onNotice(
        .supposed(
          "\(uuid)", reason: "not on this host; the description assumes a vGPU of Intel GVT-g"))
      return MdevDevice(uuid: uuid, type: "i915-GVTg")
    }
  }

  /// Removes the vGPU if it was made for the guest. The guest has ended or never ran.
  func remove() throws(GuestError) {
    guard isMade, host.exists(device.uuid) else { return }
    do {
      try host.remove(device.uuid)
    } catch {
      throw .host(error)
    }
  }
}
