// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BridgeClient
import BridgeProtocol
import HostDevices
import PersistentDevices

struct TypesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "types", abstract: "List the kinds of vGPU that this host's GPUs offer.")

  @OptionGroup var output: JSONOption

  func run() throws {
    let host = HostHardware()
    let types = try host.types()
    if output.json {
      print(try JSONOutput.text(types))
      return
    }
    guard !types.isEmpty else {
      let parents = try host.parents().map(\.name)
      throw parents.isEmpty ? HostDevicesError.noParents : .noTypes(parents: parents)
    }
    var table = Table("TYPE", "PARENT", "LEFT", "INTERFACE", "NAME", "DESCRIPTION")
    for type in types {
      table.add(
        type.id, type.parent, type.availableInstances.map(String.init) ?? "?",
        type.deviceAPI ?? "?", type.name ?? "",
        type.description?.split(whereSeparator: \.isNewline).joined(separator: ", ") ?? "")
    }
    print(table.text)
  }
}

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the vGPUs that there are, and who uses them.",
    discussion: """
      A persistent vGPU is listed whether it runs or not. With `auto` the host makes it when it \
      starts, with `manual` `vgpu start` makes it.

      With --bridge: those that a bridge shows you, and what it has done for them so far.
      """)

  @Option(help: ArgumentHelp("List what the bridge at this socket shows.", valueName: "path"))
  var bridge: String?

  @OptionGroup var output: JSONOption

  func run() throws {
    if let bridge {
      let report = BridgeReport(try BridgeListing(path: bridge))
      print(output.json ? try JSONOutput.text(report) : report.text)
      return
    }
    let host = HostHardware()
    var lasting = Self.lasting()
    let running = try host.devices().map { device in
      VGPUReport.running(
        device, users: host.users(of: device.uuid),
        lasting: lasting.removeValue(forKey: device.uuid)?.start)
    }
    let rows =
      running + lasting.values.sorted { "\($0.uuid)" < "\($1.uuid)" }.map { .stopped($0) }
    if output.json {
      print(try JSONOutput.text(rows))
      return
    }
    guard !rows.isEmpty else {
      print("There is no vGPU. `vgpu types` lists what can be made, `vgpu create TYPE` makes one.")
      return
    }
    var table = Table("UUID", "TYPE", "PARENT", "GROUP", "LASTS", "USED BY")
    for row in rows {
      switch row {
      case .running(let device, let users, let lasting):
        let users = users.map { "pid:\($0)" }.joined(separator: " ")
        table.add(
          "\(device.uuid)", device.type, device.parent,
          device.iommuGroup.map(String.init) ?? "-", lasting?.rawValue ?? "-",
          users.isEmpty ? "-" : users)
      case .stopped(let vGPU):
        table.add(
          "\(vGPU.uuid)", vGPU.type, vGPU.parent, "-", vGPU.start.rawValue, "(not started)")
      }
    }
    print(table.text)
  }

  /// Those that mdevctl knows. Without it, or where it fails, the others are listed all the same.
  private static func lasting() -> [MdevUUID: PersistentVGPU] {
    do {
      let all = try PersistentVGPUs.installed()?.all() ?? []
      return Dictionary(all.map { ($0.uuid, $0) }, uniquingKeysWith: { $1 })
    } catch {
      StandardError.write("vgpu: persistent vGPUs are left out: \(error)")
      return [:]
    }
  }
}

/// What there is to say of a vGPU: as `vgpu list` shows it.
///
/// In JSON all that `HostHardware` knows of a running one, with the processes that hold it as `users`;
/// `lasts` is how it is made again, left out for one that is not.
enum VGPUReport: Encodable {
  case running(MdevDevice, users: [Int32], lasting: PersistentVGPU.Start?)
  case stopped(PersistentVGPU)

  private enum Key: String, CodingKey { case uuid, type, parent, users, lasts, isRunning }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    switch self {
    case .running(let device, let users, let lasting):
      try device.encode(to: encoder)
      try container.encode(users, forKey: .users)
      try container.encodeIfPresent(lasting, forKey: .lasts)
      try container.encode(true, forKey: .isRunning)
    case .stopped(let vGPU):
      try container.encode(vGPU.uuid, forKey: .uuid)
      try container.encode(vGPU.type, forKey: .type)
      try container.encode(vGPU.parent, forKey: .parent)
      try container.encode([Int32](), forKey: .users)
      try container.encode(vGPU.start, forKey: .lasts)
      try container.encode(false, forKey: .isRunning)
    }
  }
}

/// A bridge's vGPUs and counters, for people and programs.
struct BridgeReport: Encodable {
  private let bridge: Bridge
  private let vGPUs: [VGPU]

  private struct Bridge: Encodable {
    let clients: UInt32
    let vGPUs: UInt32
    let connections: UInt64
    let refused: UInt64
    let expelled: UInt64
    let messages: UInt64
    let malformed: UInt64
    let throttled: UInt64
    let postponed: UInt64
    let strayDescriptors: UInt64
  }

  private struct VGPU: Encodable {
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
      clients: counters.clients, vGPUs: counters.vGPUs, connections: counters.connections,
      refused: counters.refused, expelled: counters.expelled, messages: counters.messages,
      malformed: counters.malformed, throttled: counters.throttled, postponed: counters.postponed,
      strayDescriptors: counters.strayDescriptors)
    vGPUs = listing.vGPUs.map {
      VGPU(
        uuid: "\($0.identifier)", name: $0.name, viewers: $0.viewers, canResize: $0.canResize,
        looks: $0.looks, polls: $0.polls, flips: $0.flips, buffers: $0.buffers)
    }
  }

  var text: String {
    guard !vGPUs.isEmpty else { return "The bridge shows no vGPU now." }
    var table = Table("UUID", "NAME", "VIEWERS", "LOOKS", "POLLS", "FLIPS")
    for vGPU in vGPUs {
      table.add(
        vGPU.uuid, vGPU.name, "\(vGPU.viewers)", "\(vGPU.looks)", "\(vGPU.polls)",
        "\(vGPU.flips)")
    }
    return table.text
  }
}
