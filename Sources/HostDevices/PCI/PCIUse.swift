// SPDX-License-Identifier: Apache-2.0

import SafeText

/// The host's use of a PCI function, which it would lose with the function.
@nonexhaustive
public enum PCIUse: Hashable, Sendable {
  /// The firmware and the console show the machine's start on the function (file `boot_vga`).
  case bootDisplay
  /// Its driver made these virtual functions (SR-IOV), which end with the driver.
  case virtualFunctions([PCIAddress])
  /// A block device behind the function is mounted.
  case mounted(device: String, at: String)
  /// The host swaps to a block device behind the function.
  case swap(device: String)
  /// A network interface of the function is up.
  case network(interface: String)
  /// These processes have the node of its GPU driver open: a desktop, mostly.
  case opened(node: String, processes: [Int32])
}

extension PCIUse: CustomStringConvertible {
  /// The cause and the remedy of an error's line.
  public var description: String {
    switch self {
    case .bootDisplay:
      "it is the boot display, where the host's own screen is; choose another one in the firmware"
    case .virtualFunctions(let addresses):
      """
      its virtual functions (SR-IOV), \(Self.list(addresses)), go with its driver; end the guests \
      that have them, and write 0 to its sriov_numvfs
      """
    case .mounted(let device, let place):
      "\(device), which hangs on it, is mounted at \(place); unmount it"
    case .swap(let device):
      "the host swaps to \(device), which hangs on it; run swapoff /dev/\(device)"
    case .network(let interface):
      "its network interface \(interface) is up; run ip link set \(interface) down"
    case .opened(let node, let processes):
      "\(node) is open in \(Self.list(processes)); end the desktop that uses it"
    }
  }

  private static func list(_ addresses: [PCIAddress]) -> String {
    addresses.prefix(4).map(\.description).joined(separator: ", ")
      + (addresses.count > 4 ? " and \(addresses.count - 4) more" : "")
  }

  private static func list(_ processes: [Int32]) -> String {
    let shown = processes.prefix(4).map(String.init).joined(separator: ", ")
    return (processes.count == 1 ? "process " : "processes ") + shown
      + (processes.count > 4 ? " and \(processes.count - 4) more" : "")
  }
}

extension HostHardware {
  /// The host's uses of a PCI function. They are read from `boot_vga`, the function's virtual
  /// functions, the mounted file systems (`/proc/<self and 1>/mountinfo`), `/proc/swaps`, the
  /// network interfaces' flags, and the descriptors of the processes that this process may look
  /// into. A file system whose members the kernel does not name (ZFS) goes unnoticed.
  public func uses(of function: PCIFunction) -> [PCIUse] {
    var uses: [PCIUse] = function.isBootVGA ? [.bootDisplay] : []
    guard let path = sysfs.resolve("/sys/bus/pci/devices/\(function.address)") else { return uses }
    let virtual = virtualFunctions(of: function).map(\.address)
    if !virtual.isEmpty { uses.append(.virtualFunctions(virtual)) }
    uses += blockUses(below: path)
    uses += sysfs.readableNames(in: "/sys/class/net")
      .filter { isBelow(path, "/sys/class/net/\($0)") && isUp($0) }.map { .network(interface: $0) }
    for node in [function.cardNode, function.renderNode].compactMap({ $0 }) {
      let processes = processes(holding: [node])
      if !processes.isEmpty { uses.append(.opened(node: node, processes: processes)) }
    }
    return uses
  }

  /// IFF_UP in file `flags` (netdevice(7)), or a link that works.
  private func isUp(_ interface: String) -> Bool {
    let path = "/sys/class/net/\(interface)"
    if sysfs.text("\(path)/operstate") == "up" { return true }
    guard let flags = sysfs.text("\(path)/flags"), flags.hasPrefix("0x"),
      let number = hexadecimalNumber(flags.dropFirst(2), digits: 1...8)
    else { return false }
    return number & 1 != 0
  }

  private func blockUses(below path: String) -> [PCIUse] {
    var devices = sysfs.readableNames(in: "/sys/class/block").filter {
      isBelow(path, "/sys/class/block/\($0)")
    }
    // An NVMe disk with several paths has a hidden nvme0c0n1 below its controller, which stands for
    // nvme0n1.
    devices += devices.compactMap(Self.sharedNVMe)
    // Add the devices that are made from them (LVM, dm-crypt, md), and those made from the added
    // ones. The loop ends, because each of finitely many names is added once.
    var index = 0
    while index < devices.count {
      let folder = "/sys/class/block/\(devices[index])/holders"
      for holder in sysfs.readableNames(in: folder) where !devices.contains(holder) {
        devices.append(holder)
      }
      index += 1
    }
    if devices.isEmpty { return [] }
    let mounts = mounts()
    let swaps = Set(sysfs.lines("/proc/swaps").compactMap { $0.split(separator: " ").first })
    return devices.flatMap { device -> [PCIUse] in
      let names = nodeNames(of: device)
      let number = sysfs.text("/sys/class/block/\(device)/dev")
      let mount = mounts.first {
        $0.number == number.map { $0[...] } || names.contains(String($0.source))
      }
      let isSwap = names.contains { swaps.contains($0[...]) }
      return (mount.map { [.mounted(device: device, at: String($0.place))] } ?? [])
        + (isSwap ? [.swap(device: device)] : [])
    }
  }

  private typealias Mount = (number: Substring, place: Substring, source: Substring)

  /// The lines of proc_pid_mountinfo(5), of this process's mount namespace and of the first one's.
  private func mounts() -> [Mount] {
    (sysfs.lines("/proc/self/mountinfo") + sysfs.lines("/proc/1/mountinfo")).compactMap { line in
      let fields = line.split(separator: " ", omittingEmptySubsequences: false)
      // Optional fields end with a hyphen of their own; type and source follow.
      guard fields.count > 6, let hyphen = fields[6...].firstIndex(of: "-"),
        hyphen + 2 < fields.count
      else { return nil }
      // Every user may mount with FUSE, and chooses the text of the source field.
      let isUsers = fields[hyphen + 1].hasPrefix("fuse")
      return (fields[2], fields[4], isUsers ? "" : fields[hyphen + 2])
    }
  }

  private func nodeNames(of device: String) -> [String] {
    let mapped = sysfs.text("/sys/class/block/\(device)/dm/name").map { "/dev/mapper/\($0)" }
    return ["/dev/\(device)"] + (mapped.map { [$0] } ?? [])
  }

  /// `nvme0n1` for `nvme0c1n1`; `nil` for any other name.
  private static func sharedNVMe(_ name: String) -> String? {
    guard name.hasPrefix("nvme"), let path = name.lastIndex(of: "c"),
      let space = name[path...].firstIndex(of: "n")
    else { return nil }
    return String(name[..<path] + name[space...])
  }

  private func isBelow(_ folder: String, _ path: String) -> Bool {
    sysfs.resolve(path)?.hasPrefix(folder + "/") ?? false
  }
}
