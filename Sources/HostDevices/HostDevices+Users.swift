// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SystemPackage

extension HostDevices {
  /// The processes that have an mdev's node or its group's node open, by pid, as far as this process
  /// may look (`/proc/<pid>/fd`); root sees all of its own pid namespace.
  public func users(of uuid: MdevUUID) -> [Int32] {
    guard let device = device(uuid) else { return [] }
    return processes(holding: [device.groupNode, device.deviceNode].compactMap { $0 })
  }

  /// The processes that have one of these nodes open, by pid, as far as this process may look.
  func processes(holding nodes: [String]) -> [Int32] {
    let nodes = Set(nodes.map(sysfs.location))
    if nodes.isEmpty { return [] }
    let pids = sysfs.readableNames(in: "/proc").compactMap { decimalNumber($0) }.sorted()
    return pids.filter { pid in
      sysfs.readableNames(in: "/proc/\(pid)/fd").contains { number in
        FileTree.linkTarget(of: sysfs.location("/proc/\(pid)/fd/\(number)")).map(nodes.contains)
          ?? false
      }
    }
    .compactMap { Int32(exactly: $0) }
  }

  func checkUnused(_ uuid: MdevUUID, within timeout: Duration) throws(HostDevicesError) {
    let processes = users(of: uuid)
    if !processes.isEmpty { throw .inUse(uuid, processes: processes) }
    // A viewer lets go a moment after the end of the guest that it looked at.
    if !waitUntil(timeout, { !isBusy(uuid) }) { throw .inUse(uuid, processes: []) }
  }

  /// Whether somebody has an mdev's group in use, seen by `users` or not. False where that cannot
  /// be told: no group node, or no right to open it.
  ///
  /// Two kinds of users do not show in `/proc`: processes of other pid namespaces (containers), and
  /// holders of a mere device descriptor (a viewer), whose link does not name the device. Both keep
  /// the group in use, and a group that is in use cannot be opened. So it is opened for a moment.
  public func isBusy(_ uuid: MdevUUID) -> Bool {
    device(uuid)?.groupNode.map(isBusy(groupNode:)) ?? false
  }

  /// The same of any group, by its node.
  func isBusy(groupNode node: String) -> Bool { use(ofGroupNode: node) == .busy }
}
