// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices

struct PCIRestoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Give PCI functions back to the drivers that they had.",
    discussion: """
      All that `vgpu pci bind` and `unbind` have changed since the host's start, unless some are \
      named. Guests must have ended. Needs root.
      """)

  @Argument(help: "PCI functions, as 0000:01:00.0 or 01:00.0; all that were changed if left out.")
  var addresses: [String] = []

  @Flag(help: "Also undo --persist (through driverctl).")
  var persist = false

  @OptionGroup var output: JSONOption

  func validate() throws { _ = try addresses.map(PCIAddressArguments.address) }

  func run() throws {
    let driverctl = persist ? try Driverctl() : nil
    let named = try addresses.map(PCIAddressArguments.address)
    let bindings = try PCIBindings().restore(named.isEmpty ? nil : named)
    for address in Set(bindings.map(\.address) + named).sorted() {
      try driverctl?.forget(address)
    }
    try PCIReport.print(bindings, output)
  }
}
