// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices

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
    let host = HostHardware()
    guard persist else { return try host.remove(uuid) }
    let mdevctl = try Mdevctl()
    let isLasting = try mdevctl.definition(of: uuid) != nil
    // First what may fail: a vGPU in use is neither removed nor forgotten.
    if host.device(uuid) != nil || !isLasting { try host.remove(uuid) }
    if isLasting { try mdevctl.undefine(uuid) }
  }
}
