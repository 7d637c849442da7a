// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices

struct CreateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create",
    abstract: "Make a vGPU and print its UUID.",
    discussion: "It lasts until `vgpu remove` or the host's next start. Needs root.")

  @Argument(help: "The type, as `vgpu types` lists it.")
  var type: String

  @Option(help: ArgumentHelp("The GPU, where several offer the type.", valueName: "name"))
  var parent: String?

  @Option(help: "The UUID to give it; a random one when left out.")
  var uuid: String?

  @OptionGroup var output: JSONOption

  private var chosen: MdevUUID?

  mutating func validate() throws {
    guard let uuid else { return }
    do {
      chosen = try MdevUUID(parsing: uuid)
    } catch {
      throw ValidationError("\(error)")
    }
  }

  func run() throws {
    let device = try HostDevices().create(type: type, parent: parent, uuid: chosen ?? .random())
    print(output.json ? try JSONOutput.text(device) : "\(device.uuid)")
  }

  private enum CodingKeys: CodingKey { case type, parent, uuid, output }
}
