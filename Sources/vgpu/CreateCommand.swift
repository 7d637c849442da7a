// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices

struct CreateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create",
    abstract: "Make a vGPU and print its UUID.",
    discussion: """
      It lasts until `vgpu remove` or the host's next start; with --persist mdevctl makes it again \
      at every start. Needs root.
      """)

  @Argument(help: "The type, as `vgpu types` lists it.")
  var type: String

  @Option(help: ArgumentHelp("The GPU, where several offer the type.", valueName: "name"))
  var parent: String?

  @Option(
    help: "The UUID to give it; a random one when left out.", transform: MdevUUID.init(parsing:))
  var uuid: MdevUUID?

  @Flag(help: "Make it again whenever the host starts (mdevctl).")
  var persist = false

  @Flag(help: "With --persist: make it again only on `vgpu start`.")
  var manual = false

  @OptionGroup var output: JSONOption

  func validate() throws {
    if manual && !persist { throw ValidationError("--manual goes with --persist.") }
  }

  func run() throws {
    // Before anything is made.
    let mdevctl = persist ? try Mdevctl() : nil
    let host = HostHardware()
    let device = try host.create(type: type, parent: parent, uuid: uuid ?? .random())
    do {
      try mdevctl?.define(device.uuid, start: manual ? .manual : .auto)
    } catch {
      try host.remove(device.uuid)
      throw error
    }
    print(output.json ? try JSONOutput.text(device) : "\(device.uuid)")
  }
}
