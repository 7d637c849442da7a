// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the vGPUs that there are, and who uses them.")

  @OptionGroup var output: JSONOption

  /// A vGPU as `--json` prints it: all that HostDevices knows, and the processes that hold it.
  private struct Row: Encodable {
    let device: MdevDevice
    let users: [Int32]

    private enum Key: String, CodingKey { case users }

    func encode(to encoder: any Encoder) throws {
      try device.encode(to: encoder)
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(users, forKey: .users)
    }
  }

  func run() throws {
    let host = HostDevices()
    let rows = try host.devices().map { Row(device: $0, users: host.users(of: $0.uuid)) }
    if output.json {
      print(try JSONOutput.text(rows))
      return
    }
    guard !rows.isEmpty else {
      print("There is no vGPU. `vgpu types` lists what can be made, `vgpu create TYPE` makes one.")
      return
    }
    var table = Table("UUID", "TYPE", "PARENT", "GROUP", "USED BY")
    for row in rows {
      let users = row.users.map { "pid:\($0)" }.joined(separator: " ")
      table.add(
        "\(row.device.uuid)", row.device.type, row.device.parent,
        row.device.iommuGroup.map(String.init) ?? "-", users.isEmpty ? "-" : users)
    }
    print(table.text)
  }
}
