// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices
import PersistentDevices

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
    let uuid = uuid ?? .random()
    let device =
      persist
      ? try PersistentVGPUs().create(
        type: type, parent: parent, uuid: uuid, start: manual ? .manual : .auto)
      : try HostHardware().create(type: type, parent: parent, uuid: uuid)
    print(output.json ? try JSONOutput.text(device) : "\(device.uuid)")
  }
}

struct StartCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start",
    abstract: "Start a persistent vGPU that is not running.",
    discussion: """
      It was made with `vgpu create --persist`, or defined with mdevctl. A vGPU that runs \
      already stays as it is. Needs root.
      """)

  @Argument(
    help: "The vGPU's UUID, as `vgpu list` prints it.", transform: MdevUUID.init(parsing:))
  var uuid: MdevUUID

  func run() throws {
    try PersistentVGPUs().start(uuid)
  }
}

struct RemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove",
    abstract: "Take a vGPU away.",
    discussion: """
      Its guest must have ended. A persistent vGPU comes back with the host's next start or with \
      `vgpu start`, unless --persist removes it for good. Needs root.
      """)

  @Argument(
    help: "The vGPU's UUID, as `vgpu list` prints it.", transform: MdevUUID.init(parsing:))
  var uuid: MdevUUID

  @Flag(help: "Remove a persistent vGPU for good, whether it runs or not (mdevctl).")
  var persist = false

  func run() throws {
    if persist { try PersistentVGPUs().remove(uuid) } else { try HostHardware().remove(uuid) }
  }
}
