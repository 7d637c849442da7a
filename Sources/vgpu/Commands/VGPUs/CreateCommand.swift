// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices
import PersistentDevices

struct CreateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create",
    abstract: "Make a vGPU and print its UUID.",
    discussion: """
      The vGPU exists until you call `vgpu remove` or reboot the host. With --persist, mdevctl makes \
      the vGPU again at each boot. Needs root.
      """)

  @Argument(help: "Make a vGPU of this type (`vgpu types` lists the types).", completion: .types)
  var type: String

  @Option(
    help: ArgumentHelp(
      "Use this GPU. (default: the first one with room for the type)", valueName: "name"),
    completion: .parents)
  var parent: String?

  @Option(
    help: "Give the vGPU this UUID. (default: a random one)", transform: MdevUUID.init(parsing:))
  var uuid: MdevUUID?

  @Flag(help: "Make the vGPU again at each boot (needs mdevctl).")
  var persist = false

  @Flag(help: "With --persist: make the vGPU at `vgpu start`, not at each boot.")
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
    do {
      try print(output.json ? JSONOutput.text(device) : "\(device.uuid)")
    } catch {
      // It exists all the same, and its name would be lost.
      throw Failure("the vGPU \(device.uuid) was made, but: \(error)")
    }
  }
}

struct StartCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start",
    abstract: "Start a persistent vGPU that is not there yet.",
    discussion: """
      `vgpu create --persist` and mdevctl make persistent vGPUs. If the vGPU exists already, nothing \
      happens. Needs root.
      """)

  @Argument(
    help: "Start the vGPU with this UUID (`vgpu list` lists the UUIDs).",
    completion: .persistentVGPUs,
    transform: MdevUUID.init(parsing:))
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
      End the guest first. A persistent vGPU comes back at the next boot or at `vgpu start`. To remove a \
      persistent vGPU for good, add --persist. Needs root.
      """)

  @Argument(
    help: "Remove the vGPU with this UUID (`vgpu list` lists the UUIDs).", completion: .allVGPUs,
    transform: MdevUUID.init(parsing:))
  var uuid: MdevUUID

  @Flag(help: "Remove a persistent vGPU for good, even if it is not running (needs mdevctl).")
  var persist = false

  func run() throws {
    if persist { try PersistentVGPUs().remove(uuid) } else { try HostHardware().remove(uuid) }
  }
}
