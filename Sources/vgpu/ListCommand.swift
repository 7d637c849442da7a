// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BridgeClient
import HostDevices

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
  private static func lasting() -> [MdevUUID: LastingVGPU] {
    do {
      let all = try Mdevctl.installed?.definitions() ?? []
      return Dictionary(all.map { ($0.uuid, $0) }, uniquingKeysWith: { $1 })
    } catch {
      StandardError.write("vgpu: persistent vGPUs are left out: \(error)")
      return [:]
    }
  }
}
