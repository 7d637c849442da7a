// SPDX-License-Identifier: Apache-2.0

import Attachment
import CLinux
import Glibc
import HostDevices

/// The vGPU of a guest that is started: one that there is already, or one that is made for it and
/// goes with it.
struct GuestVGPU {
  let device: MdevDevice
  let isMade: Bool

  /// - Parameters:
  ///   - text: a UUID, or a type of which one is made.
  ///   - starting: false where nothing is made, nor is the vGPU needed yet.
  init(_ text: String, starting: Bool) throws {
    let host = HostHardware()
    guard let uuid = MdevUUID(text) else {
      guard starting else {
        device = MdevDevice(uuid: .random(), type: text)
        isMade = false
        Note.say("a new UUID; make the vGPU: vgpu create \(text) --uuid \(device.uuid)")
        return
      }
      device = try host.create(type: text)
      isMade = true
      return
    }
    guard let device = host.device(uuid) else {
      guard starting else {
        self.device = MdevDevice(uuid: uuid, type: "i915-GVTg")
        isMade = false
        Note.say("\(uuid): not on this host; taken for one of Intel GVT-g's")
        return
      }
      throw AttachmentError.noSuchVGPU(uuid, existing: try host.devices().map(\.uuid))
    }
    if starting, let user = host.users(of: uuid).first {
      throw Failure("\(uuid): process \(user) uses the vGPU; look at it with `vgpu view \(uuid)`")
    }
    self.device = device
    isMade = false
  }

  /// Removes it if it was made for the guest, which has ended or never ran.
  func remove() throws {
    if isMade { try HostHardware().remove(device.uuid) }
  }
}

/// How much memory this user's processes may keep from being moved (RLIMIT_MEMLOCK): a vGPU's driver
/// does that with what it reads of the guest's, and the kernel with all of it for a device that is
/// passed through.
enum LockedMemory {
  /// What to tell a user whose limit is below a guest's memory; `nil` where it is not, and for root,
  /// who has none.
  static func warning(mebibytes: Int) -> String? {
    var limit = rlimit()
    guard geteuid() != 0, getrlimit(__rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue), &limit) == 0,
      limit.rlim_cur != rlim_t.max, limit.rlim_cur >> 20 < mebibytes
    else { return nil }
    return """
      you may lock \(limit.rlim_cur >> 20) MiB of memory, of which the guest's GPU can need as much as \
      the guest has; if the guest fails, raise `memlock` in /etc/security/limits.conf
      """
  }
}
