// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostDevices
import PersistentDevices

struct PCICommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pci",
    abstract: "List PCI devices by IOMMU group, hand them to guests and take them back.",
    subcommands: [
      PCIListCommand.self, PCIBindCommand.self, PCIUnbindCommand.self, PCIRestoreCommand.self,
    ])
}

/// PCI functions as a person names them.
struct PCIAddressArguments: ParsableArguments {
  @Argument(help: "A PCI function, as 0000:01:00.0 or 01:00.0.")
  var addresses: [String]

  func parsed() throws -> [PCIAddress] { try addresses.map(PCIAddressArguments.address) }

  static func address(_ text: String) throws -> PCIAddress {
    guard let address = PCIAddress(text) else {
      throw ValidationError(
        "\(text.debugDescription): not a PCI address; it must look like 0000:01:00.0")
    }
    return address
  }
}

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
    let persistent = persist ? try PersistentBindings() : nil
    let driver = words.last ?? ""
    let bindings = try PCIBindings().bind(try addresses(), to: driver, isForced: force)
    for binding in bindings { try persistent?.keep(driver, of: binding.address) }
    try PCIReport.print(bindings, output)
  }

  private func addresses() throws -> [PCIAddress] {
    try words.dropLast().map(PCIAddressArguments.address)
  }
}

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
    let persistent = persist ? try PersistentBindings() : nil
    let named = try addresses.map(PCIAddressArguments.address)
    let bindings = try PCIBindings().restore(named.isEmpty ? nil : named)
    for address in Set(bindings.map(\.address) + named).sorted() {
      try persistent?.forget(address)
    }
    try PCIReport.print(bindings, output)
  }
}

/// What a command did to PCI functions.
enum PCIReport {
  static func print(_ bindings: [PCIBinding], _ output: JSONOption) throws {
    if output.json {
      vgpu.print(try JSONOutput.text(bindings))
      return
    }
    if bindings.isEmpty { vgpu.print("Nothing was changed, so there is nothing to restore.") }
    for binding in bindings { vgpu.print(line(binding)) }
  }

  private static func line(_ binding: PCIBinding) -> String {
    let now = binding.after ?? "no driver"
    if binding.before == binding.after { return "\(binding.address): \(now), as before" }
    return "\(binding.address): \(binding.before ?? "no driver") -> \(now)"
  }
}
