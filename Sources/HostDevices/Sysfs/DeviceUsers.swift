// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SafeText
import SystemPackage

extension HostHardware {
  /// The processes that have an mdev's node or its group's node open, by pid, as far as this process
  /// may look (`/proc/<pid>/fd`); root sees all of its own pid namespace.
  ///
  /// What they have open is known by its device number. A number of a process can be another's by the
  /// time that it is used: whoever takes something from one of them asks again (`RunningProcess`).
  public func users(of uuid: MdevUUID) -> [Int32] {
    guard let device = device(uuid) else { return [] }
    return processes(holding: [device.groupNode, device.deviceNode].compactMap { $0 })
  }

  /// The processes that have one of these nodes open, by pid, as far as this process may look.
  ///
  /// The text of a link in `/proc/PID/fd` does not count: in a mount namespace of his own any user
  /// makes a file `/dev/vfio/0`. Only what may be meant is looked at closely, by the last part of its
  /// name, and so no file of a server that does not answer (NFS): whoever names his node otherwise
  /// hides himself, and no more.
  func processes(holding nodes: [String]) -> [Int32] {
    let numbers = Set(nodes.compactMap(deviceNumber))
    if numbers.isEmpty { return [] }
    let names = nodes.compactMap { $0.split(separator: "/").last.map { "/\($0)" } }
    let pids = sysfs.readableNames(in: "/proc").compactMap { decimalNumber($0) }.sorted()
    return pids.filter { pid in
      let folder = sysfs.location("/proc/\(pid)")
      return sysfs.readableNames(in: "/proc/\(pid)/fd").contains { number in
        guard let link = FileTree.linkTarget(of: "\(folder)/fd/\(number)"),
          names.contains(where: link.hasSuffix),
          case .characterDevice(let device) = FileTree.status(ofDescriptor: number, in: folder)
        else { return false }
        return numbers.contains(device)
      }
    }
    .compactMap { Int32(exactly: $0) }
  }

  /// The number of a group's, a device's or a GPU's node, as its driver has it in sysfs.
  private func deviceNumber(ofNode node: String) -> DeviceNumber? {
    let parts = node.split(separator: "/")
    guard let name = parts.last else { return nil }
    let type: String? =
      switch parts.dropLast() {
      case ["dev", "vfio"]: "vfio"
      case ["dev", "vfio", "devices"]: "vfio-dev"
      case ["dev", "dri"]: "drm"
      default: nil
      }
    // What is named in a class is a link to a folder.
    return type.flatMap { sysfs.text("/sys/class/\($0)/\(name)/dev") }.flatMap(DeviceNumber.init)
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

/// What the kernel says when an IOMMU group's node is opened.
enum GroupUse: Hashable {
  /// Nobody has it.
  case free
  /// Somebody has it, or a device of it, open.
  case busy
  /// There is no such node, or it may not be opened.
  case unknown
}

extension HostHardware {
  /// Whether somebody uses a group, found out by opening its node for a moment: a group opens once,
  /// and not while a device of it is open by its own node.
  func use(ofGroupNode node: String) -> GroupUse {
    do {
      _ = try OwnedFileDescriptor.open(
        sysfs.location(node), flags: O_RDWR | O_NONBLOCK, kernel: sysfs.kernel)
      return .free
    } catch {
      return error.errno == .resourceBusy ? .busy : .unknown
    }
  }
}

extension HostHardware {
  /// Which device an open VFIO device descriptor is of, as far as the kernel tells: one by its own
  /// node has a number that sysfs knows (`/sys/dev/char`), one out of a group tells its folder in
  /// `/proc/self/fdinfo` from Linux 6.17 on.
  ///
  /// - Parameter descriptor: of this process; borrowed.
  /// - Returns: the device's name on its bus, an mdev's UUID or a PCI address; `nil` where the kernel
  ///   does not tell, and for whatever is no VFIO device.
  public func deviceName(ofDescriptor descriptor: Int32) -> String? {
    var status = FileStatus.other
    _ = RunningKernel().status(descriptor, &status)
    if case .characterDevice(let number) = status {
      // .../<name>/vfio-dev/vfio0
      let parts = sysfs.resolve("/sys/dev/char/\(number)")?.split(separator: "/") ?? []
      guard parts.count > 3, parts[parts.count - 2] == "vfio-dev" else { return nil }
      return name(String(parts[parts.count - 3]))
    }
    // Other files' lines there can hold what a user has written, such as a dma-buf's name.
    guard
      FileTree.linkTarget(of: sysfs.location("/proc/self/fd/\(descriptor)"))
        == "anon_inode:[vfio-device]"
    else { return nil }
    let line = sysfs.lines("/proc/self/fdinfo/\(descriptor)")
      .first { $0.hasPrefix("vfio-device-syspath: /sys/") }
    return line?.split(separator: "/").last.flatMap { name(String($0)) }
  }

  private func name(_ text: String) -> String? { Sysfs.isName(text) ? text : nil }
}
