// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices

struct RemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove",
    abstract: "Take a vGPU away.",
    discussion: "Its guest must have ended. Needs root.")

  @Argument(help: "The vGPU's UUID, as `vgpu list` prints it.")
  var uuid: String

  func run() throws {
    let parsed: MdevUUID
    do {
      parsed = try MdevUUID(parsing: uuid)
    } catch {
      throw ValidationError("\(error)")
    }
    try HostDevices().remove(parsed)
  }
}
