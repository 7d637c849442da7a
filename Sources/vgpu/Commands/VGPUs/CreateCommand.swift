// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices

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
    let mdevctl = try Mdevctl()
    guard let lasting = try mdevctl.definition(of: uuid) else {
      throw Failure(
        """
        \(uuid): no persistent vGPU; `vgpu list` shows which there are, `vgpu create --persist` makes \
        one
        """)
    }
    let host = HostHardware()
    if host.device(uuid) != nil { return }
    // mdevctl would pass on the kernel's "No space left on device", and not miss a parent.
    try host.checkOffer(type: lasting.type, parent: lasting.parent)
    try mdevctl.start(uuid)
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
    let host = HostHardware()
    guard persist else { return try host.remove(uuid) }
    let mdevctl = try Mdevctl()
    let isLasting = try mdevctl.definition(of: uuid) != nil
    // First what may fail: a vGPU in use is neither removed nor forgotten.
    if host.device(uuid) != nil || !isLasting { try host.remove(uuid) }
    if isLasting { try mdevctl.undefine(uuid) }
  }
}
