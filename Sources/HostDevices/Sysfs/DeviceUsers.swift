// SPDX-License-Identifier: Apache-2.0

import CLinux
import LinuxSystem
import SafeText
import SystemPackage

extension HostHardware {
  /// The processes that have an mdev's node or its group's node open, by pid, as far as this
  /// process may look (`/proc/<pid>/fd`). Root sees all processes of its own pid namespace.
  ///
  /// The device number identifies each process's open file. A process's number can belong to
  /// another process by the time that it is used: before you take anything from one of these
  /// processes, check it again (`RunningProcess`).
  public func users(of uuid: MdevUUID) -> [Int32] {
    guard let device = device(uuid) else { return [] }
    return processes(holding: [device.groupNode, device.deviceNode].compactMap { $0 })
  }

  /// The processes that have one of these nodes open, by pid, as far as this process may look.
  ///
  /// The text of a link in `/proc/PID/fd` does not count: any user can make a file `/dev/vfio/0` in
  /// a mount namespace of his own. Only files whose last part of the name fits are looked at
  /// closely, so that no file of a server that does not answer (NFS) is touched. A process that
  /// gives its node another name only hides itself.
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

  /// The device number of a node of a group, a device or a GPU, as its driver writes it in sysfs.
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
    // An entry of a class is a link to a folder.
    return type.flatMap { sysfs.text("/sys/class/\($0)/\(name)/dev") }.flatMap(DeviceNumber.init)
  }

  func checkUnused(_ uuid: MdevUUID, within timeout: Duration) throws(HostDevicesError) {
    let processes = users(of: uuid)
    if !processes.isEmpty { throw .inUse(uuid, processes: processes) }
    // A viewer closes its descriptors a moment after the end of its guest.
    if !waitUntil(timeout, { !isBusy(uuid) }) { throw .inUse(uuid, processes: []) }
  }

  /// Whether somebody uses an mdev's group, even when `users` does not see the user. False when the
  /// kernel does not tell: the group has no node, or this user may not open it.
  ///
  /// Two kinds of users do not show in `/proc`: processes of other pid namespaces (containers), and
  /// holders of a device descriptor alone (a viewer), whose link does not name the device. Both
  /// keep the group in use, and a group in use cannot be opened. So this call tries to open it for
  /// a moment.
  public func isBusy(_ uuid: MdevUUID) -> Bool {
    device(uuid)?.groupNode.map(isBusy(groupNode:)) ?? false
  }

  /// Whether somebody uses a group, by its node.
  func isBusy(groupNode node: String) -> Bool { use(ofGroupNode: node) == .busy }
}

/// The kernel's answer to opening an IOMMU group's node.
enum GroupUse: Hashable {
  /// Nobody has the group open.
  case free
  /// Somebody has the group, or a device of it, open.
  case busy
  /// The node does not exist, or this user may not open it.
  case unknown
}

extension HostHardware {
  /// Opens a group's node for a moment to find out whether somebody uses the group. A group can be
  /// open only once, and not while a device of it is open by its own node.
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
  /// The device that an open VFIO device descriptor belongs to, as far as the kernel tells. A
  /// descriptor that was opened by the device's own node has a number that sysfs knows
  /// (`/sys/dev/char`). A descriptor out of a group tells its folder in `/proc/self/fdinfo` from
  /// Linux 6.17 on.
  ///
  /// - Parameter descriptor: a descriptor of this process; borrowed.
  /// - Returns: the device's name on its bus, an mdev's UUID or a PCI address; `nil` when the
  ///   kernel does not tell, and for any file that is no VFIO device.
  public func deviceName(ofDescriptor descriptor: Int32) -> String? {
    var status = FileStatus.other
    _ = RunningKernel().status(descriptor, &status)
    if case .characterDevice(let number) = status {
      // .../<name>/vfio-dev/vfio0
      let parts = sysfs.resolve("/sys/dev/char/\(number)")?.split(separator: "/") ?? []
      guard parts.count > 3, parts[parts.count - 2] == "vfio-dev" else { return nil }
      return name(String(parts[parts.count - 3]))
    }
    // The lines of other files there can hold a user's text, such as a dma-buf's name.
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
