// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import SystemPackage

extension HostHardware {
  /// Removes an mdev: writes 1 to `/sys/bus/mdev/devices/<uuid>/remove`, and waits until it is gone.
  ///
  /// An mdev that somebody has open is not removed. That is found out beforehand, because the
  /// kernel would make the writer wait, without a way to end it, until the mdev is closed.
  ///
  /// - Parameters:
  ///   - uuid: which one.
  ///   - timeout: how long to wait until one who does not show has let go of it, and until the
  ///     kernel has taken it away.
  /// - Throws: `HostDevicesError`: `noSuchDevice`, `inUse`, `stillThere`, or `system` with the
  ///   kernel's reason.
  public func remove(
    _ uuid: MdevUUID, timeout: Duration = .seconds(2)
  ) throws(HostDevicesError) {
    let path = MdevDevice.path(uuid)
    guard sysfs.exists(path) else {
      throw .noSuchDevice(uuid, existing: try devices().map(\.uuid))
    }
    try checkUnused(uuid, within: timeout)
    do {
      try sysfs.write("1", to: "\(path)/remove")
    } catch {
      switch error.errno {
      case .resourceBusy: throw .inUse(uuid, processes: [])
      case .noSuchFileOrDirectory, .operationNotSupportedByDevice:
        // Somebody else removes it at this moment: all that is left is to wait.
        break
      default: throw .system(error.advisedForMdev)
      }
    }
    let isGone = waitUntil(timeout) { !sysfs.exists(path) }
    if !isGone { throw .stillThere(uuid) }
  }
}
