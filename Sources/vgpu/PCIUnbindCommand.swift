// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices

struct PCIUnbindCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unbind",
    abstract: "Take PCI functions from their drivers.",
    discussion: """
      Only the functions that are named. What the host uses is refused. `vgpu pci restore` gives \
      everything back. Needs root.
      """)

  @OptionGroup var functions: PCIAddressArguments

  @Flag(help: "Also what the host uses.")
  var force = false

  @OptionGroup var output: JSONOption

  func validate() throws { _ = try functions.parsed() }

  func run() throws {
    let bindings = try PCIBindings().unbind(try functions.parsed(), isForced: force)
    try PCIReport.print(bindings, output)
  }
}
