// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices

struct PCIListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the IOMMU groups and their PCI devices.",
    discussion: """
      A guest gets only whole groups. Bind every device of the group to vfio-pci, or leave it without a \
      driver. If functions of one device are in different groups, they can go to different guests. The \
      names come from the system's pci.ids.
      """)

  @Option(
    help: ArgumentHelp(
      "Read a folder of Scripts/capture-host instead of this host.", valueName: "folder"),
    completion: .directory)
  var root: String?

  @OptionGroup var output: JSONOption

  func run() throws {
    // A captured tree has no pci.ids.
    let groups = try PCIGroupReport.all(on: CapturedHost.at(root), namesOf: HostHardware())
    if output.json {
      try print(JSONOutput.text(JSONList("groups", groups)))
      return
    }
    guard !groups.isEmpty else {
      StandardError.write("There is no PCI device.")
      return
    }
    if groups.allSatisfy({ $0.number == nil }) {
      StandardError.write(
        "The IOMMU is off, so no guest can have a device. `vgpu doctor --for gpu` tells why.")
    }
    for (index, group) in groups.enumerated() {
      if index > 0 { try print("") }
      let type = group.type.map { " (\($0))" } ?? ""
      try print(group.number.map { "IOMMU group \($0)\(type)" } ?? "In no IOMMU group")
      for row in group.functions {
        try print("  \(row.function.address)  \(row.text)")
        try print("                driver: \(row.driver)")
      }
    }
  }
}

extension PCIFunctionReport {
  /// What lspci -nn writes.
  fileprivate var text: String {
    let code = function.classCode.description.dropFirst(2).prefix(4)
    let ids =
      "\(function.vendor.description.dropFirst(2)):\(function.device.description.dropFirst(2))"
    let what = names.className(of: function) ?? "Class"
    let who = [names.vendor(of: function), names.device(of: function)].compactMap { $0 }
      .joined(separator: " ")
    return "\(what) [\(code)]: \(who.isEmpty ? "Device" : who) [\(ids)]"
  }

  fileprivate var driver: String {
    (function.driver ?? "-") + (isChanged ? ", changed" : "")
      + (function.isBootVGA ? ", boot display" : "")
      + (function.physicalFunction.map { ", virtual function of \($0)" } ?? "")
  }
}
