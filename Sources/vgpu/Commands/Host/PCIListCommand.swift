// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices

struct PCIListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the IOMMU groups, and what is in them.",
    discussion: """
      A guest gets whole groups only: what shares one with a device that a guest is to have goes \
      with it, or must have no driver. What is in a group of its own is a device of its own, \
      whatever number it shares. Names are from the system's pci.ids.
      """)

  @Option(
    help: ArgumentHelp("Look at a tree that Scripts/capture-host made.", valueName: "folder"))
  var root: String?

  @OptionGroup var output: JSONOption

  /// A function as `--json` prints it: all that HostHardware knows, and the names.
  private struct Row: Encodable {
    let function: PCIFunction
    let names: PCINames
    let isChanged: Bool

    private enum Key: String, CodingKey { case vendorName, deviceName, className, isChanged }

    func encode(to encoder: any Encoder) throws {
      try function.encode(to: encoder)
      var container = encoder.container(keyedBy: Key.self)
      try container.encodeIfPresent(names.vendor(of: function), forKey: .vendorName)
      try container.encodeIfPresent(names.device(of: function), forKey: .deviceName)
      try container.encodeIfPresent(names.className(of: function), forKey: .className)
      try container.encode(isChanged, forKey: .isChanged)
    }

    /// What lspci -nn writes.
    var text: String {
      let code = function.classCode.description.dropFirst(2).prefix(4)
      let ids =
        "\(function.vendor.description.dropFirst(2)):\(function.device.description.dropFirst(2))"
      let what = names.className(of: function) ?? "Class"
      let who = [names.vendor(of: function), names.device(of: function)].compactMap { $0 }
        .joined(separator: " ")
      return "\(what) [\(code)]: \(who.isEmpty ? "Device" : who) [\(ids)]"
    }

    var driver: String {
      (function.driver ?? "-") + (isChanged ? ", changed" : "")
        + (function.isBootVGA ? ", boot display" : "")
        + (function.physicalFunction.map { ", virtual function of \($0)" } ?? "")
    }
  }

  private struct Group: Encodable {
    /// `nil` for what is in no group.
    let number: Int?
    let type: String?
    let functions: [Row]
  }

  func run() throws {
    let groups = try read()
    if output.json {
      print(try JSONOutput.text(groups))
      return
    }
    guard !groups.isEmpty else {
      print("There is no PCI device.")
      return
    }
    if groups.allSatisfy({ $0.number == nil }) {
      print(
        "No IOMMU is in use, so no guest can have a device; `vgpu doctor --for gpu` tells why.\n")
    }
    for (index, group) in groups.enumerated() {
      if index > 0 { print("") }
      let type = group.type.map { " (\($0))" } ?? ""
      print(group.number.map { "IOMMU group \($0)\(type)" } ?? "In no IOMMU group")
      for row in group.functions {
        print("  \(row.function.address)  \(row.text)")
        print("                driver: \(row.driver)")
      }
    }
  }

  private func read() throws -> [Group] {
    let host = try CapturedHost.at(root)
    let functions = try host.pciFunctions()
    // A tree has none of its own.
    let names = HostHardware().names(of: functions)
    let changed = PCIBindings(host: host).remembered
    let types = Dictionary(
      try host.iommuGroups().map { ($0.number, $0.type) }, uniquingKeysWith: { first, _ in first })
    let rows = Dictionary(grouping: functions, by: \.iommuGroup)
    let order = rows.keys.sorted { ($0 ?? .max) < ($1 ?? .max) }
    return order.map { number in
      Group(
        number: number, type: number.flatMap { types[$0] ?? nil },
        functions: (rows[number] ?? []).map {
          Row(function: $0, names: names, isChanged: changed.contains($0.address))
        })
    }
  }
}
