// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices

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
