// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices
import PersistentDevices

struct CreateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create",
    abstract: "Make a vGPU and print its UUID.",
    discussion: """
      The vGPU lasts until `vgpu remove` or until the host reboots. With --persist, mdevctl makes \
      it again at each boot. Needs root.
      """)

  @Argument(help: "The type, from `vgpu types`.")
  var type: String

  @Option(help: ArgumentHelp("Use this GPU when several offer the type.", valueName: "name"))
  var parent: String?

  @Option(
    help: "Give the vGPU this UUID. (default: a random one)", transform: MdevUUID.init(parsing:))
  var uuid: MdevUUID?

  @Flag(help: "Make the vGPU again at each boot (needs mdevctl).")
  var persist = false

  @Flag(help: "With --persist: do not make it at boot, but when you call `vgpu start`.")
  var manual = false

  @OptionGroup var output: JSONOption

  func validate() throws {
    if manual && !persist {
      throw ValidationError(
        "--manual: a vGPU that is not persistent has no start to choose; add --persist")
    }
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
      A vGPU is persistent when you made it with `vgpu create --persist`, or defined it with \
      mdevctl. Nothing happens when the vGPU runs already. Needs root.
      """)

  @Argument(
    help: "The vGPU's UUID, from `vgpu list`.", transform: MdevUUID.init(parsing:))
  var uuid: MdevUUID

  func run() throws {
    try PersistentVGPUs().start(uuid)
  }
}

struct RemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove",
    abstract: "Remove a vGPU.",
    discussion: """
      End the guest first. A persistent vGPU comes back at the next boot or with `vgpu start`; to \
      remove it for good, add --persist. Needs root.
      """)

  @Argument(
    help: "The vGPU's UUID, from `vgpu list`.", transform: MdevUUID.init(parsing:))
  var uuid: MdevUUID

  @Flag(help: "Remove a persistent vGPU for good, also one that does not run (needs mdevctl).")
  var persist = false

  func run() throws {
    if persist { try PersistentVGPUs().remove(uuid) } else { try HostHardware().remove(uuid) }
  }
}
