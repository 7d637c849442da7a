// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BridgeClient
import BridgeProtocol
import HostDevices
import PersistentDevices

struct TypesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "types", abstract: "List the types of vGPU on this host.")

  @OptionGroup var output: JSONOption

  func run() throws {
    let host = HostHardware()
    let types = try host.offeredTypes()
    if output.json {
      try print(JSONOutput.text(JSONList("types", types)))
      return
    }
    guard !types.isEmpty else {
      let parents = try host.parents().map(\.name)
      StandardError.write(
        "\(parents.isEmpty ? HostDevicesError.noParents : .noTypes(parents: parents))")
      return
    }
    var table = Table("TYPE", "PARENT", "LEFT", "KIND", "INTERFACE", "NAME", "DESCRIPTION")
    for (kind, type) in types.map({ ($0.kind, $0.type) }) {
      table.add(
        type.id, type.parent, type.availableInstances.map(String.init) ?? "?", kind.rawValue,
        type.deviceAPI ?? "?", type.name ?? "",
        type.description?.split(whereSeparator: \.isNewline).joined(separator: ", ") ?? "")
    }
    try print(table.text)
  }
}

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the vGPUs of this host and the processes that use them.",
    discussion: """
      The list also has persistent vGPUs that are not there yet. The column PERSISTENT tells when \
      the host makes a vGPU again: auto at each boot, manual at `vgpu start`.

      The column KIND tells what a vGPU is made of. mdev: a mediated device. nvidia: a virtual function \
      with a type of NVIDIA's. sriov: another virtual function that guests can have. gpu: a whole GPU that \
      guests can have. The column TYPE has the driver where there is no type.
      """)

  @Option(
    help: ArgumentHelp(
      "List the vGPUs that the bridge at this socket shows you.", valueName: "path"),
    completion: .file())
  var bridge: String?

  @OptionGroup var output: JSONOption

  func run() throws {
    if let bridge {
      try BridgeReport(try BridgeListing(path: bridge)).print(output)
      return
    }
    let host = HostHardware()
    let rows = try VGPUReport.all(on: host, persistent: Self.persistent())
    let functions = try PCIVGPUReport.all(on: host)
    if output.json {
      try print(JSONOutput.text(VGPULists(vgpus: rows, pciVGPUs: functions)))
      return
    }
    guard !rows.isEmpty || !functions.isEmpty else {
      StandardError.write(
        "There is no vGPU. List the types with `vgpu types`, make one with `vgpu create TYPE`.")
      return
    }
    var table = Table("NAME", "KIND", "TYPE", "PARENT", "GROUP", "PERSISTENT", "USED BY")
    for row in rows {
      switch row {
      case .running(let device, let users, let lasting):
        table.add(
          "\(device.uuid)", VGPUKind.mdev.rawValue, device.type, device.parent,
          device.iommuGroup.map(String.init) ?? "-", lasting?.rawValue ?? "-",
          Self.text(users))
      case .stopped(let vGPU):
        table.add(
          "\(vGPU.uuid)", VGPUKind.mdev.rawValue, vGPU.type, vGPU.parent, "-", vGPU.start.rawValue,
          "(not started)")
      }
    }
    for row in functions {
      let function = row.vGPU.function
      table.add(
        "\(function.address)", row.vGPU.kind.rawValue, row.vGPU.label,
        function.physicalFunction.map { "\($0)" } ?? "-",
        function.iommuGroup.map(String.init) ?? "-", "-", Self.text(row.users))
    }
    try print(table.text)
  }

  private static func text(_ users: [Int32]) -> String {
    users.isEmpty ? "-" : users.map { "pid:\($0)" }.joined(separator: " ")
  }

  /// The vGPUs that mdevctl keeps. When mdevctl is missing or fails, the others are listed all the same.
  private static func persistent() -> [PersistentVGPU] {
    do {
      return try PersistentVGPUs.installed()?.all() ?? []
    } catch {
      StandardError.write("vgpu: persistent vGPUs are left out: \(error)")
      return []
    }
  }
}

/// The vGPUs of a host as JSON: mdevs, and PCI functions.
struct VGPULists: Encodable {
  let vgpus: [VGPUReport]
  let pciVGPUs: [PCIVGPUReport]
}

/// A bridge's vGPUs and counters, for people and programs.
struct BridgeReport: Encodable {
  let bridge: Bridge
  let bridgedVGPUs: [VGPU]

  struct Bridge: Encodable {
    let clients: UInt32
    let viewedVGPUs: UInt32
    let connections: UInt64
    let refused: UInt64
    let expelled: UInt64
    let messages: UInt64
    let malformed: UInt64
    let throttled: UInt64
    let postponed: UInt64
    let strayDescriptors: UInt64
  }

  struct VGPU: Encodable {
    let uuid: String
    let name: String
    let viewers: UInt32
    let canResize: Bool
    let looks: UInt64
    let polls: UInt64
    let flips: UInt64
    let buffers: UInt64
  }

  init(_ listing: BridgeListing) {
    let counters = listing.counters
    bridge = Bridge(
      clients: counters.clients, viewedVGPUs: counters.vGPUs, connections: counters.connections,
      refused: counters.refused, expelled: counters.expelled, messages: counters.messages,
      malformed: counters.malformed, throttled: counters.throttled, postponed: counters.postponed,
      strayDescriptors: counters.strayDescriptors)
    bridgedVGPUs = listing.vGPUs.map {
      VGPU(
        uuid: "\($0.identifier)", name: $0.name, viewers: $0.viewers, canResize: $0.canResize,
        looks: $0.looks, polls: $0.polls, flips: $0.flips, buffers: $0.buffers)
    }
  }

  func print(_ output: JSONOption) throws {
    if output.json { return try vgpu.print(JSONOutput.text(self)) }
    guard !bridgedVGPUs.isEmpty else { return StandardError.write("The bridge shows no vGPU now.") }
    var table = Table("UUID", "NAME", "VIEWERS", "LOOKS", "POLLS", "FLIPS")
    for vGPU in bridgedVGPUs {
      table.add(
        vGPU.uuid, vGPU.name, "\(vGPU.viewers)", "\(vGPU.looks)", "\(vGPU.polls)",
        "\(vGPU.flips)")
    }
    try vgpu.print(table.text)
  }
}
