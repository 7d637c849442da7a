// SPDX-License-Identifier: Apache-2.0

/// What the host uses a PCI function for, and would lose with it.
public enum PCIUse: Hashable, Sendable {
  /// The firmware and the console show the machine's start on it (file `boot_vga`).
  case bootDisplay
  /// These virtual functions (SR-IOV) were made of it, and go with its driver.
  case virtualFunctions([PCIAddress])
  /// A block device that hangs on it is mounted.
  case mounted(device: String, at: String)
  /// The host swaps to a block device that hangs on it.
  case swap(device: String)
  /// A network interface of it is up.
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
