// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// The vGPU of a guest that is started: one that there is already, or one that is made for it and
/// goes with it.
struct StartedVGPU: Sendable {
  let device: MdevDevice
  let isMade: Bool
  private let host: HostHardware

  /// Finds it, free to be used, or makes it.
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

  /// The vGPU of a guest that is only described: nothing is made, and any host may have it.
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
      onNotice(.supposed("\(uuid)", reason: "not on this host; taken for one of Intel GVT-g's"))
      return MdevDevice(uuid: uuid, type: "i915-GVTg")
    }
  }

  /// Removes it if it was made for the guest, which has ended or never ran.
  func remove() throws(GuestError) {
    guard isMade, host.exists(device.uuid) else { return }
    do {
      try host.remove(device.uuid)
    } catch {
      throw .host(error)
    }
  }
}
