// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import HostChanges
import HostDevices

struct PCICommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pci",
    abstract:
      "List PCI devices by IOMMU group, hand them to guests, and give them back to the host.",
    subcommands: [
      PCIListCommand.self, PCIBindCommand.self, PCIUnbindCommand.self, PCIRestoreCommand.self,
    ])
}

/// PCI functions as a person names them.
struct PCIAddressArguments: ParsableArguments {
  @Argument(
    help: "Unbind these PCI functions, such as 0000:01:00.0 or 01:00.0.", completion: .functions)
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
    abstract: "Bind PCI functions to a driver, such as vfio-pci for a guest.",
    usage: "vgpu pci bind <address> ... <driver> [--force] [--persist] [--json]",
    discussion: """
      vgpu also binds the device's other functions in the same IOMMU group, but binds a virtual function \
      (SR-IOV) alone. Name the other devices of the group too, or leave them without a driver.

      vgpu refuses a device if the host is using it: the boot display, a mounted disk, a network \
      interface that is up, a GPU with a desktop, a function with virtual functions. `vgpu pci \
      restore` undoes everything. \(Rights.needed) polkit is asked only for VFIO drivers, and \
      never for --force.
      """)

  @Argument(
    help: ArgumentHelp(
      "Bind these PCI functions, such as 0000:01:00.0 or 01:00.0, to this driver.",
      valueName: "address> ... <driver"),
    completion: .functionsAndDrivers)
  var words: [String]

  @Flag(help: "Bind even if the host is using the device.")
  var force = false

  @Flag(help: "Bind again at each boot (needs driverctl).")
  var persist = false

  @OptionGroup var output: JSONOption

  func validate() throws {
    guard words.count > 1 else {
      throw ValidationError("name the functions and the driver: vgpu pci bind 01:00.0 vfio-pci")
    }
    _ = try addresses()
  }

  func run() throws {
    let change = HostChange.bind(
      try addresses(), driver: words.last ?? "", isForced: force, isKept: persist)
    try PCIReport.print(try change.carryOut(asking: .installed).bindings, output)
  }

  private func addresses() throws -> [PCIAddress] {
    try words.dropLast().map(PCIAddressArguments.address)
  }
}

struct PCIUnbindCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unbind",
    abstract: "Unbind PCI functions from their drivers.",
    discussion: """
      vgpu unbinds only the named functions, and refuses a function if the host is using it. `vgpu pci \
      restore` undoes everything. \(Rights.needed) polkit is never asked for --force.
      """)

  @OptionGroup var functions: PCIAddressArguments

  @Flag(help: "Unbind even if the host is using the device.")
  var force = false

  @OptionGroup var output: JSONOption

  func validate() throws { _ = try functions.parsed() }

  func run() throws {
    let change = HostChange.unbind(try functions.parsed(), isForced: force)
    try PCIReport.print(try change.carryOut(asking: .installed).bindings, output)
  }
}

struct PCIRestoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "Bind PCI functions to their former drivers again.",
    discussion: """
      Without ADDRESSES, undo all changes of `vgpu pci bind` and `unbind` since the boot. End the guests \
      first. \(Rights.needed)
      """)

  @Argument(
    help:
      "Restore these PCI functions, such as 0000:01:00.0 or 01:00.0. (default: all changed functions)",
    completion: .changedFunctions)
  var addresses: [String] = []

  @Flag(help: "Also undo --persist of `vgpu pci bind` (needs driverctl).")
  var persist = false

  @OptionGroup var output: JSONOption

  func validate() throws { _ = try addresses.map(PCIAddressArguments.address) }

  func run() throws {
    let named = try addresses.map(PCIAddressArguments.address)
    let change = HostChange.restore(named.isEmpty ? nil : named, isKept: persist)
    try PCIReport.print(try change.carryOut(asking: .installed).bindings, output)
  }
}

/// What a command did to PCI functions.
enum PCIReport {
  static func print(_ bindings: [PCIBinding], _ output: JSONOption) throws {
    if output.json {
      try vgpu.print(JSONOutput.text(JSONList("bindings", bindings)))
      return
    }
    if bindings.isEmpty {
      StandardError.write("There is nothing to restore: nothing was changed.")
    }
    for binding in bindings { try vgpu.print(line(binding)) }
  }

  private static func line(_ binding: PCIBinding) -> String {
    let now = binding.after ?? "no driver"
    if binding.before == binding.after { return "\(binding.address): \(now), as before" }
    return "\(binding.address): \(binding.before ?? "no driver") -> \(now)"
  }
}
