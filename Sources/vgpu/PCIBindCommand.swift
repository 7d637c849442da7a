// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices

struct PCIBindCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bind",
    abstract: "Bind PCI functions to a driver: vfio-pci for a guest.",
    usage: "vgpu pci bind <address> ... <driver> [--force] [--persist] [--json]",
    discussion: """
      The other functions of a device go with it as far as they are in its IOMMU group; virtual \
      functions (SR-IOV) go alone. Whatever else is in its group must be named too, or have no \
      driver. What the host uses (its boot display, a mounted disk, a network interface that is up, \
      a GPU with a desktop on it, a function that has virtual ones) is refused. `vgpu pci restore` \
      gives everything back. Needs root.
      """)

  @Argument(
    help: ArgumentHelp(
      "PCI functions, as 0000:01:00.0 or 01:00.0, and last the driver.",
      valueName: "address> ... <driver"))
  var words: [String]

  @Flag(help: "Also what the host uses.")
  var force = false

  @Flag(help: "After the host's next start too (through driverctl).")
  var persist = false

  @OptionGroup var output: JSONOption

  func validate() throws {
    guard words.count > 1 else {
      throw ValidationError("name the functions and the driver: vgpu pci bind 01:00.0 vfio-pci")
    }
    _ = try addresses()
  }

  func run() throws {
    let driverctl = persist ? try Driverctl() : nil
    let driver = words.last ?? ""
    let bindings = try PCIBindings().bind(try addresses(), to: driver, isForced: force)
    for binding in bindings { try driverctl?.keep(driver, of: binding.address) }
    try PCIReport.print(bindings, output)
  }

  private func addresses() throws -> [PCIAddress] {
    try words.dropLast().map(PCIAddressArguments.address)
  }
}
