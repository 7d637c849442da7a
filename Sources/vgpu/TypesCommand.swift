// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices

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
