// SPDX-License-Identifier: Apache-2.0

import HostDevices

/// Checks that the bridges above the device send its traffic through the IOMMU.
struct ACSCheck: Check {
  let id = "acs"
  let title = "ACS"
  let area = CheckArea.device
  let purposes: Set<Purpose> = [.gpu]
  let why = "A port without Access Control Services puts all devices behind it into one group."
  let documentation = "docs/host.md#acs"

  func examine(_ machine: Machine) -> Verdict {
    if let word = machine.parameters.word("pcie_acs_override") {
      return .warn(
        "pcie_acs_override=\(word): groups are smaller than what the hardware keeps apart",
        remedy: "boot without pcie_acs_override, and put the card into a slot that has a group of "
          + "its own")
    }
    guard let target = machine.target else { return .notApplicable("there is no such device") }
    let bridges = bridges(above: target, machine)
    guard !bridges.isEmpty else { return .notApplicable("no bridge is above \(target.address)") }
    let answers = bridges.map { bridge in
      (bridge, machine.files.bytes("\(machine.path(bridge))/config", limit: 4096))
    }
    let unread = answers.filter { ($0.1?.count ?? 0) < 4096 }.map { "\($0.0.address)" }
    if !unread.isEmpty {
      return .notApplicable("unknown: only root reads the capabilities of \(unread.list())")
    }
    let without = answers.filter { !Self.isolates($0.1 ?? []) }.map { "\($0.0.address)" }
    guard without.isEmpty else {
      return .warn(
        "not in force on \(without.list())",
        remedy: "choose another slot if the group has other devices")
    }
    return .ok("in force on \(bridges.map { "\($0.address)" }.list())")
  }

  /// The bridges from the root port down, in the order of the device's path.
  private func bridges(above target: PCIFunction, _ machine: Machine) -> [PCIFunction] {
    let path = machine.files.resolve(machine.path(target)) ?? ""
    return path.split(separator: "/").dropLast().compactMap { PCIAddress(String($0)) }
      .compactMap(machine.host.pciFunction).filter(\.classCode.isPCIBridge)
  }

  /// The control register of extended capability 13 (PCI Express Base Specification, 7.7.12): source
  /// validation, redirection of requests and completions, upstream forwarding.
  static func isolates(_ config: [UInt8]) -> Bool {
    func word(_ offset: Int) -> Int { Int(config[offset]) | Int(config[offset + 1]) << 8 }
    var offset = 0x100
    // A limit, because a list of capabilities with a loop must end.
    for _ in 0..<240 where offset >= 0x100 && offset + 8 <= config.count {
      if word(offset) == 0x000d {
        let wanted = 0x1 | 0x4 | 0x8 | 0x10
        return word(offset + 6) & wanted == wanted
      }
      offset = word(offset + 2) >> 4 & 0xffc
    }
    return false
  }
}
